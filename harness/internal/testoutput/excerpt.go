package testoutput

import "fmt"

// Excerpt keeps a text that may consist of several streams. If the text is longer
// than 8 MiB, it keeps the beginning and the end only. Its zero value is empty.
type Excerpt struct {
	head, tail         []Piece
	headSize, tailSize int
	dropped            int64
}

// Piece is a part of a text.
type Piece struct {
	Stream int // the caller's number of the stream
	Text   []byte
}

// excerptHalf is how many bytes of the beginning, and at least of the end, are
// kept.
const excerptHalf = 4 << 20

// Add adds text, which it copies.
func (e *Excerpt) Add(stream int, text []byte) {
	if room := excerptHalf - e.headSize; room > 0 && len(text) > 0 {
		n := min(room, len(text))
		before := len(e.head)
		e.head = appendPiece(e.head, stream, text[:n])
		e.headSize += n + pieceCost*(len(e.head)-before)
		text = text[n:]
	}
	if len(text) == 0 {
		return
	}
	before := len(e.tail)
	e.tail = appendPiece(e.tail, stream, text)
	e.tailSize += len(text) + pieceCost*(len(e.tail)-before)
	for e.tailSize-len(e.tail[0].Text)-pieceCost >= excerptHalf {
		e.dropped += int64(len(e.tail[0].Text))
		e.tailSize -= len(e.tail[0].Text) + pieceCost
		e.tail = e.tail[1:]
	}
}

// Drop leaves out n bytes that would have been added.
func (e *Excerpt) Drop(n int) { e.dropped += int64(n) }

// Size returns how many bytes are kept.
func (e *Excerpt) Size() int { return e.headSize + e.tailSize }

// pieceCost is what a piece takes in addition to its text, in bytes: short ones
// of two streams may alternate.
const pieceCost = 64

// pieceSize is how long a piece may grow before the next one begins.
const pieceSize = 64 << 10

func appendPiece(pieces []Piece, stream int, text []byte) []Piece {
	for len(text) > 0 {
		if i := len(pieces) - 1; i >= 0 && pieces[i].Stream == stream && len(pieces[i].Text) < pieceSize {
			n := min(pieceSize-len(pieces[i].Text), len(text))
			pieces[i].Text = append(pieces[i].Text, text[:n]...)
			text = text[n:]
			continue
		}
		pieces = append(pieces, Piece{Stream: stream})
	}
	return pieces
}

// Pieces returns the text in order. A line in the middle says how much was left
// out.
func (e *Excerpt) Pieces() []Piece {
	pieces := append([]Piece{}, e.head...)
	if e.dropped > 0 {
		note := fmt.Sprintf("\n[… %d bytes of output are left out here …]\n", e.dropped)
		stream := 0
		if len(e.tail) > 0 {
			stream = e.tail[0].Stream
		}
		pieces = append(pieces, Piece{stream, []byte(note)})
	}
	return append(pieces, e.tail...)
}

// String returns the text of all streams.
func (e *Excerpt) String() string {
	var all []byte
	for _, p := range e.Pieces() {
		all = append(all, p.Text...)
	}
	return string(all)
}
