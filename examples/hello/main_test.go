package main

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// main leaves its two Ends and the listener to the end of the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/gantline-project/gantline/conn.(*Link).write"),
		goleak.IgnoreAnyFunction("github.com/gantline-project/gantline/conn.(*Link).read"),
		goleak.IgnoreAnyFunction("github.com/gantline-project/gantline/server.(*Listener).accept"))
}

// Example runs the program.
func Example() {
	main()
	// Output: hello sailor <nil>
}

// TestREADME: the README shows this program, line by line.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(source), "\nfunc main() {")
	body, _, _ = strings.Cut("func main() {"+body, "\n}\n")
	if !strings.Contains(string(readme), body+"\n}\n") {
		t.Errorf("README.md does not show main of examples/hello:\n%s", body)
	}
}
