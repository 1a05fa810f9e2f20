package backlog

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

// item is "name/number".
type item string

func (i item) Name() string { name, _, _ := strings.Cut(string(i), "/"); return name }

var errOver = errors.New("over")

// take takes without waiting: "-" for nothing, "over" for the end.
func take(t *testing.T, b *Backlog[item], q *Queue[item]) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	switch got, err := b.Take(ctx, q, nil); {
	case err == nil:
		return string(got)
	case errors.Is(err, context.Canceled):
		return "-"
	default:
		return err.Error()
	}
}

// TestBacklog plays scripts: "+a/1" puts, "a" takes under the claim of a, "*" takes from the rest; claim and release
// change who a's are; "-a/1" removes; end and drop end it. After "=" stands what comes of it.
func TestBacklog(t *testing.T) {
	for name, script := range map[string]string{
		"in order":                      "+a/1 +b/1 +a/2 *=a/1 *=b/1 *=a/2 *=-",
		"by name":                       "claim +b/1 +a/1 a=a/1 a=- *=b/1",
		"a claim takes over":            "+a/1 +b/1 +a/2 claim a=a/1 *=b/1 *=- a=a/2",
		"a release gives back":          "claim +a/1 +a/2 a=a/1 release *=a/2 +a/3 *=a/3",
		"two claims, one released":      "claim claim +a/1 release *=- a=a/1",
		"released more often":           "claim release release +a/1 *=a/1",
		"removed from the rest":         "+a/1 +a/2 -a/1 *=a/2 *=-",
		"removed from a claim":          "claim +a/1 +a/2 -a/2 a=a/1 a=-",
		"ended, what waits is taken":    "claim +a/1 +b/1 end +b/2 a=a/1 a=over *=b/1 *=over",
		"ended and dropped":             "claim +a/1 +b/1 drop a=over *=over",
		"ended, then dropped":           "+b/1 end drop *=over",
		"ended, then claimed":           "+a/1 end claim a=a/1 a=over",
		"a claim after all were taken":  "+a/1 *=a/1 claim a=- release *=-",
		"count":                         "len=0 claim +a/1 +b/1 len=2 a=a/1 len=1 *=b/1 len=0",
		"the empty name means the rest": "+a/1 e=a/1",
	} {
		t.Run(name, func(t *testing.T) {
			b := new(Backlog[item])
			var q *Queue[item]
			for _, step := range strings.Fields(script) {
				do, want, asks := strings.Cut(step, "=")
				got := ""
				switch {
				case do == "claim":
					q = b.Claim("a")
				case do == "release":
					b.Release("a")
				case do == "end", do == "drop":
					b.End(errOver, do == "drop")
				case do == "a":
					got = take(t, b, q)
				case do == "e":
					got = take(t, b, b.Claim(""))
				case do == "*":
					got = take(t, b, b.Rest())
				case do == "len":
					got = string(rune('0' + b.Len()))
				case do[0] == '+':
					b.Put(item(do[1:]))
				case do[0] == '-':
					if !b.Remove(item(do[1:])) {
						t.Errorf("%s: it was not there", step)
					}
				}
				if asks && got != want {
					t.Errorf("%s: got %q", step, got)
				}
			}
			if b.Remove("a/9") {
				t.Error("removed what is not there")
			}
		})
	}
}

// TestTakeWaits: each way in which a wait ends.
func TestTakeWaits(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(b *Backlog[item], cancel func(), released chan struct{})
		want string
	}{
		"an item comes":   {func(b *Backlog[item], _ func(), _ chan struct{}) { b.Put("a/1") }, "a/1"},
		"another's comes": {func(b *Backlog[item], cancel func(), _ chan struct{}) { b.Put("b/1"); cancel() }, "context canceled"},
		"ctx ends":        {func(_ *Backlog[item], cancel func(), _ chan struct{}) { cancel() }, "context canceled"},
		"released":        {func(_ *Backlog[item], _ func(), released chan struct{}) { close(released) }, ErrReleased.Error()},
		"ended":           {func(b *Backlog[item], _ func(), _ chan struct{}) { b.End(errOver, false) }, "over"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := new(Backlog[item])
				q := b.Claim("a")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				released, got := make(chan struct{}), make(chan string)
				go func() {
					i, err := b.Take(ctx, q, released)
					if err != nil {
						i = item(err.Error())
					}
					got <- string(i)
				}()
				synctest.Wait()
				c.do(b, cancel, released)
				if g := <-got; g != c.want {
					t.Errorf("got %q, want %q", g, c.want)
				}
			})
		})
	}
}

// TestTakeLosesNothing: an item that was handed to a wait which ends at that moment is the next one's, in its old place.
func TestTakeLosesNothing(t *testing.T) {
	for range 200 {
		b := new(Backlog[item])
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan item, 1)
		go func() {
			i, _ := b.Take(ctx, b.Rest(), nil)
			got <- i
		}()
		go cancel()
		b.Put("a/1")
		b.Put("a/2")
		first := <-got
		if first == "" {
			first = item(take(t, b, b.Rest()))
		}
		if second := take(t, b, b.Rest()); first != "a/1" || second != "a/2" {
			t.Fatalf("got %q and %q", first, second)
		}
	}
}
