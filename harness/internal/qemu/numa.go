package qemu

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// nodes returns the arguments for NUMA nodes, each with an equal share of the CPUs
// and of the memory, the last one with the rest. Versions of QEMU before 8.1 cannot
// put several nodes into one file, so the memory is QEMU's own.
func (c Config) nodes() []string {
	cpus, memory := cmp.Or(c.CPUs, defaultCPUs), c.MemorySize()
	var args []string
	for node := range c.NUMA {
		first, last := share(cpus, c.NUMA, node), share(cpus, c.NUMA, node+1)-1
		size := share(memory, c.NUMA, node+1) - share(memory, c.NUMA, node)
		id := "node" + strconv.Itoa(node)
		args = append(args,
			"-object", fmt.Sprintf("memory-backend-ram,id=%s,size=%dM", id, size),
			"-numa", fmt.Sprintf("node,nodeid=%d,cpus=%d-%d,memdev=%s", node, first, last, id))
	}
	return args
}

// share returns where the share of node n begins if total is divided among nodes.
func share(total, nodes, n int) int {
	if n == nodes {
		return total
	}
	return total / nodes * n
}

// HasNodes reports whether the machine has NUMA nodes. Its memory is then not in the
// file of RAM.
func (c Config) HasNodes() bool {
	return c.NUMA > 0 || slices.ContainsFunc(options(c.Arguments), func(o option) bool { return o.name == "numa" })
}
