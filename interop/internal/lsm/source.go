package lsm

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	formatv3 "github.com/conductorone/baton-sdk/pkg/dotc1z/format/v3"
)

// copyOf puts a copy of a database into dst. The source is a directory, a .tar or
// .tar.gz of one, or a v3 .c1z file whose payload is unpacked by the SDK.
func copyOf(src, dst string) error {
	info, err := os.Stat(src)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return cloneDir(src, dst)
	case strings.HasSuffix(src, ".tar"), strings.HasSuffix(src, ".tar.gz"):
		return untar(src, dst)
	default:
		return unpack(src, dst)
	}
}

func cloneDir(src, dst string) error {
	ok, err := vfs.Clone(vfs.Default, vfs.Default, src, dst)
	if err == nil && !ok {
		err = fmt.Errorf("no such directory path=`%s`", src)
	}
	return err
}

// unpack writes the payload of a v3 file to dst.
func unpack(src, dst string) (err error) {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if err := os.MkdirAll(dst, 0o755); err != nil {
		return err
	}
	_, _, err = formatv3.ExtractEnvelopePayload(in, dst)
	return err
}

// untar writes the regular files of an archive to dst, without their folders.
func untar(src, dst string) (err error) {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	var stream io.Reader = bufio.NewReader(in)
	if strings.HasSuffix(src, ".gz") {
		if stream, err = gzip.NewReader(stream); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dst, 0o755); err != nil {
		return err
	}
	for archive := tar.NewReader(stream); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if err := writeFile(filepath.Join(dst, filepath.Base(header.Name)), archive); err != nil {
			return err
		}
	}
}

func writeFile(path string, content io.Reader) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, content)
	return errors.Join(err, out.Close())
}

// inScratch runs use with an own temporary folder, removed afterwards.
func inScratch(use func(dir string) error) error {
	dir, err := os.MkdirTemp("", "c1zcheck-")
	if err != nil {
		return err
	}
	return errors.Join(use(dir), os.RemoveAll(dir))
}

// emptyLogs truncates every write-ahead log of a directory to zero bytes.
func emptyLogs(dir string) error {
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, log := range logs {
		err = errors.Join(err, os.Truncate(log, 0))
	}
	return err
}
