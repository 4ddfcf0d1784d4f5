// Package fetch fetches files by HTTP. A file that was cut is continued where it ended.
package fetch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// File is a file at an address.
type File struct {
	URL    string
	SHA256 string        // in hex, or "" if it is not known
	Most   int64         // the largest size in bytes
	Stall  time.Duration // how long the server may send nothing; 0 is a minute
}

// attempts is how often a connection may be cut.
const attempts = 5

// To writes the file to a path, and compares its sum. It calls progress with the fetched part in percent. After an error
// there is no file.
func (f File) To(ctx context.Context, path string, progress func(percent float64)) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	hash := sha256.New()
	for range attempts {
		var done bool
		done, err = f.part(ctx, file, hash, progress)
		if done || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); f.SHA256 != "" && !strings.EqualFold(sum, f.SHA256) {
		return fmt.Errorf("%s has the SHA-256 %s, want %s: it is damaged, or not the file that was signed", f.URL, sum, strings.ToLower(f.SHA256))
	}
	return nil
}

// part fetches what the file does not have yet. It reports whether another attempt is useless.
func (f File) part(ctx context.Context, file *os.File, hash io.Writer, progress func(percent float64)) (done bool, err error) {
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return true, err
	}
	caller := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := cmp.Or(f.Stall, time.Minute)
	stalled := time.AfterFunc(stall, func() { cancel(fmt.Errorf("%s: the server sent nothing for %v; try again", f.URL, stall)) })
	defer stalled.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, http.NoBody)
	if err != nil {
		return true, err
	}
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return true, cause(caller, ctx, err)
	}
	defer response.Body.Close()
	switch {
	case have > 0 && response.StatusCode == http.StatusOK: // the server sends all of it again
		if _, err := io.CopyN(io.Discard, response.Body, have); err != nil {
			return false, fmt.Errorf("%s: %w; try again", f.URL, cause(caller, ctx, err))
		}
	case have == 0 && response.StatusCode == http.StatusOK, have > 0 && response.StatusCode == http.StatusPartialContent:
	default:
		return true, fmt.Errorf("%s: the server replied %s", f.URL, response.Status)
	}
	length := have + response.ContentLength
	watch := writerFunc(func(p []byte) (int, error) {
		stalled.Reset(stall)
		have += int64(len(p))
		if have > f.Most {
			return 0, fmt.Errorf("%s is larger than %d bytes", f.URL, f.Most)
		}
		if response.ContentLength > 0 {
			progress(100 * float64(have) / float64(length))
		}
		return len(p), nil
	})
	if _, err := io.Copy(io.MultiWriter(watch, file, hash), response.Body); err != nil {
		err = fmt.Errorf("%s ended after %d bytes: %w; try again", f.URL, have, cause(caller, ctx, err))
		return have > f.Most || caller.Err() != nil, err
	}
	return true, nil
}

// cause returns why a transfer ended: the caller's context, the server's silence, or err.
func cause(caller, ctx context.Context, err error) error {
	switch {
	case caller.Err() != nil:
		return caller.Err()
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
