package report

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"
)

// file is a stack of closers below one reader or writer, closed from the top down.
type file struct {
	io.Reader
	io.Writer
	close []func() error
}

func (f *file) Close() error {
	var errs []error
	for _, c := range f.close {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// OpenText opens a text file for reading; a name that ends in .gz is decompressed.
func OpenText(path string) (io.ReadCloser, error) {
	raw, err := os.Open(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return raw, err
	}
	zip, err := gzip.NewReader(bufio.NewReader(raw))
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &file{Reader: zip, close: []func() error{zip.Close, raw.Close}}, nil
}

// CreateText creates a text file; a name that ends in .gz is compressed.
func CreateText(path string) (io.WriteCloser, error) {
	raw, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	buf := bufio.NewWriter(raw)
	if !strings.HasSuffix(path, ".gz") {
		return &file{Writer: buf, close: []func() error{buf.Flush, raw.Close}}, nil
	}
	zip := gzip.NewWriter(buf)
	return &file{Writer: zip, close: []func() error{zip.Close, buf.Flush, raw.Close}}, nil
}

// EachLine calls visit for every line of a text file, without its newline.
func EachLine(path string, visit func(line []byte) error) (err error) {
	in, err := OpenText(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<16), 1<<30)
	for lines.Scan() {
		if err := visit(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}
