package queue

import (
	"errors"
	"testing"
)

func TestQueueRunsInOrderUpToFirstError(t *testing.T) {
	var q Queue
	var ran []int
	failed := errors.New("failed")
	block := make(chan struct{})
	for i := range 5 {
		q.Add(func() error {
			if i == 0 {
				<-block // the others are added while this one runs
			}
			ran = append(ran, i)
			if i == 3 {
				return failed
			}
			return nil
		})
	}
	close(block)
	if err := q.Wait(); !errors.Is(err, failed) || len(ran) != 4 || ran[3] != 3 {
		t.Errorf("%v ran, %v", ran, err)
	}
	q.Add(func() error { ran = append(ran, 9); return nil })
	if err := q.Wait(); !errors.Is(err, failed) || len(ran) != 4 {
		t.Errorf("%v ran after an error, %v", ran, err)
	}
}
