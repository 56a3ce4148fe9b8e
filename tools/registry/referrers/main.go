// A registry for the lab: go-containerregistry's, with the referrers API of OCI 1.1 (or without, as GHCR), that keeps its content over a restart.
//
// pkg/registry keeps blobs on disk and manifests in memory only. So accepted manifest writes are also appended to a journal beside the blobs,
// and replayed, through the same handler, before the first request is served.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

const maxManifestBytes = 8 << 20

// One accepted write: what a replay has to send again.
type write struct {
	Method      string `json:"method"`
	Path        string `json:"path"`
	ContentType string `json:"contentType,omitempty"`
	Body        []byte `json:"body,omitempty"`
}

type durable struct {
	inner http.Handler
	mutex sync.Mutex
	file  *os.File
	last  map[string][sha256.Size]byte
}

func main() {
	address := flag.String("address", "127.0.0.1:0", "address to listen on")
	disk := flag.String("disk", "", "folder for blobs and manifests (made when absent)")
	referrers := flag.Bool("referrers", true, "serve the referrers API")
	flag.Parse()
	if *disk == "" || flag.NArg() > 0 {
		log.Fatal("usage: referrers --disk DIR [--address HOST:PORT] [--referrers=false]")
	}
	if err := os.MkdirAll(*disk, 0o755); err != nil {
		log.Fatal(err)
	}
	blobs := registry.NewDiskBlobHandler(*disk)
	inner := registry.New(registry.WithBlobHandler(blobs), registry.WithReferrersSupport(*referrers))
	handler, err := keep(inner, filepath.Join(*disk, "manifests.jsonl"))
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.Serve(listener))
}

// keep replays the journal into the handler, cuts a line that a killed process left half-written, and journals what is written from now on.
func keep(inner http.Handler, journal string) (*durable, error) {
	file, err := os.OpenFile(journal, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	kept := &durable{inner: inner, file: file, last: map[string][sha256.Size]byte{}}
	reader, whole := bufio.NewReader(file), int64(0)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		var entry write
		if json.Unmarshal(line, &entry) != nil {
			return nil, fmt.Errorf("%s: byte %d: not a journal line", journal, whole)
		}
		if status := kept.apply(entry).Code; status >= 300 {
			log.Printf("%s %s from the journal: status %d", entry.Method, entry.Path, status)
		}
		whole += int64(len(line))
	}
	if err := file.Truncate(whole); err != nil {
		return nil, err
	}
	_, err = file.Seek(whole, io.SeekStart)
	return kept, err
}

func (d *durable) apply(entry write) *httptest.ResponseRecorder {
	request := httptest.NewRequest(entry.Method, entry.Path, bytes.NewReader(entry.Body))
	request.Header.Set("Content-Type", entry.ContentType)
	response := httptest.NewRecorder()
	d.inner.ServeHTTP(response, request)
	if response.Code < 300 {
		d.last[entry.Path] = sha256.Sum256([]byte(entry.Method + "\n" + entry.ContentType + "\n" + string(entry.Body)))
	}
	return response
}

func (d *durable) ServeHTTP(out http.ResponseWriter, request *http.Request) {
	writes := request.Method == http.MethodPut || request.Method == http.MethodDelete
	if !writes || !strings.Contains(request.URL.Path, "/manifests/") {
		d.inner.ServeHTTP(out, request)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(out, request.Body, maxManifestBytes))
	if err != nil {
		http.Error(out, "manifest too large", http.StatusRequestEntityTooLarge)
		return
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	entry := write{Method: request.Method, Path: request.URL.RequestURI(), ContentType: request.Header.Get("Content-Type"), Body: body}
	before, known := d.last[entry.Path]
	response := d.apply(entry)
	if response.Code < 300 && !(known && before == d.last[entry.Path]) {
		if err := d.journal(entry); err != nil {
			log.Printf("journal: %v", err)
			http.Error(out, "could not keep the manifest", http.StatusInsufficientStorage)
			return
		}
	}
	for name, values := range response.Header() {
		out.Header()[name] = values
	}
	out.WriteHeader(response.Code)
	_, _ = out.Write(response.Body.Bytes())
}

func (d *durable) journal(entry write) error {
	line, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	_, err = d.file.Write(append(line, '\n'))
	return err
}
