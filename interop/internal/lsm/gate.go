package lsm

import (
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// gate is a file system on which the making of tables can be held back: flushes then
// wait, and everything that was written stays in the write-ahead logs.
type gate struct {
	vfs.FS
	mu   sync.Mutex
	held chan struct{}
}

// hold makes the creation of tables wait until release.
func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = make(chan struct{})
}

// release lets held back creations go on. It may be called twice.
func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != nil {
		close(g.held)
		g.held = nil
	}
}

// Create waits while tables are held back.
func (g *gate) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	g.mu.Lock()
	held := g.held
	g.mu.Unlock()
	if held != nil && strings.HasSuffix(name, ".sst") {
		<-held
	}
	return g.FS.Create(name, category)
}

// Unwrap gives the file system below.
func (g *gate) Unwrap() vfs.FS { return g.FS }
