package images

import (
	"context"
	"errors"
)

func resolvePath(ctx context.Context, name string, opt Options) (*Kernel, error) {
	return nil, errors.New("a path is not understood yet")
}
