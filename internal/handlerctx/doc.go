// Package handlerctx has the context of a handler, which ends with its call and its session. It costs nothing more until
// somebody asks for its Done channel. Only then it has a channel, a timer, and a place in the
// session's context.
//
// # Usage
//
// Embed a Context in what is allocated for the call anyway:
//
//	call.Context.Init(session, timeout)
//	answer, err := handler(call, request)
//	call.Context.End(context.Canceled, nil) // the handler has returned
//
// # Concurrency
//
// Any goroutine may call the methods of context.Context, AfterFunc and End at any time. Init and Watched come before.
//
// # Errors
//
// Err is what End was called with first, or context.DeadlineExceeded after the deadline, or context.Canceled after the
// end of the session, whose cause is the context's cause then.
package handlerctx
