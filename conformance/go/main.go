// Owns the conversation: one call a line on standard input, its answer on standard output. What is
// asked and expected is in ../story; ../README.md describes the lines.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"
	"runtime/debug"
)

// call is what the story asks for.
type call struct {
	Call string
	App  struct{ ID, Secret string }
	Body json.RawMessage
	Path map[string]string
	// Query is a list of pairs for the general call, and an object for others.
	Query json.RawMessage
	// Token is sent instead of one that the SDK fetches.
	Token string

	// Of the general call only.
	Method, URL string
	Headers     map[string]string
	Signed      bool

	// Pages asks for the SDK's own iterator.
	Pages bool
}

// object is a line to the story.
type object map[string]any

var (
	in  = bufio.NewReader(os.Stdin)
	out = json.NewEncoder(os.Stdout)
)

func tell(line object) {
	if err := out.Encode(line); err != nil {
		log.Fatal(err)
	}
}

func hear(line any) bool {
	text, err := in.ReadBytes('\n')
	if err != nil {
		return false
	}
	if err := json.Unmarshal(text, line); err != nil {
		log.Fatal(err)
	}
	return true
}

func version() string {
	build, _ := debug.ReadBuildInfo()
	for _, module := range build.Deps {
		if module.Path == "github.com/larksuite/oapi-sdk-go/v3" {
			return module.Version[1:]
		}
	}
	return ""
}

func main() {
	tell(object{"sdk": "oapi-sdk-go", "version": version(), "iterator": true})
	for asked := (call{}); hear(&asked); asked = (call{}) {
		if asked.Pages {
			pages(asked)
		} else {
			tell(answered(asked))
		}
	}
}
