// Tool is a program whose coverage is measured.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("in", os.Getenv("GOCOVERDIR"))
}
