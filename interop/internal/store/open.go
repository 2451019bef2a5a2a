// Package store drives the Baton SDK's own store over .c1z files: it dumps what the
// store answers, edits and resumes files, makes new ones and times reads. The dump has
// the shape of `testdata/golden/README.md`; calls follow `store-contract` §1.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/conductorone/baton-sdk/pkg/dotc1z"
	"github.com/conductorone/baton-sdk/pkg/dotc1z/c1zstore"
)

// engines are the names by which commands choose an engine.
var engines = map[string]c1zstore.Engine{
	"sqlite": c1zstore.EngineSQLite,
	"pebble": c1zstore.EnginePebble,
}

// openFile opens an existing file with the engine that its first bytes ask for.
func openFile(ctx context.Context, path string, readOnly bool) (c1zstore.Store, error) {
	engine, err := engineOf(path)
	if err != nil {
		return nil, err
	}
	return dotc1z.NewStore(ctx, path, dotc1z.WithReadOnly(readOnly), dotc1z.WithEngine(engine))
}

func engineOf(path string) (engine c1zstore.Engine, err error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	format, err := dotc1z.ReadHeaderFormat(in)
	if err != nil {
		return "", err
	}
	if format == dotc1z.C1ZFormatV1 {
		return c1zstore.EngineSQLite, nil
	}
	return c1zstore.EnginePebble, nil
}

// copyFile copies a file byte by byte; dst is replaced.
func copyFile(src, dst string) (err error) {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.Create(dst)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// syncLister is the call for all sync runs, which both engines have.
type syncLister interface {
	ListSyncRuns(ctx context.Context, token string, size uint32) ([]*c1zstore.SyncRun, string, error)
}

// syncRuns lists every sync run of a store.
func syncRuns(ctx context.Context, s c1zstore.Store) (runs []*c1zstore.SyncRun, err error) {
	lister, ok := s.(syncLister)
	if !ok {
		return nil, fmt.Errorf("%T cannot list sync runs", s)
	}
	for token := ""; ; {
		page, next, err := lister.ListSyncRuns(ctx, token, 100)
		if err != nil {
			return nil, err
		}
		runs = append(runs, page...)
		if token = next; token == "" {
			return runs, nil
		}
	}
}
