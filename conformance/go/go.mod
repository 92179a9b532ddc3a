module countersign.dev/conformance

go 1.21

// The official Go SDK, unchanged.
require github.com/larksuite/oapi-sdk-go/v3 v3.12.0
