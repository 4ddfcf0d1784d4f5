package vmtest

// A mistake is a deliberate error in one line of the model.
type mistake string

const (
	none                    mistake = ""
	setTakesOneMore         mistake = "a set accepts 65 bytes"
	setTakesOneLess         mistake = "a set accepts at most 63 bytes"
	setRefusesNothing       mistake = "a set of 0 bytes is refused"
	setNeedsNoRight         mistake = "a set requires no capability"
	setRangeLonger          mistake = "the set range is one longer"
	setRangeEarlier         mistake = "the set range begins one earlier"
	setBytesFull            mistake = "set_bytes counts 64 bytes for each set"
	emptySetKeeps           mistake = "a set of 0 bytes keeps the message"
	emptySetReads           mistake = "a set of 0 bytes reads its memory"
	lengthBeforeRight       mistake = "a set checks the length before the capability"
	memoryBeforeLength      mistake = "a set reads the memory before it checks the length"
	faultClears             mistake = "a set of unreadable memory clears the message"
	messageEndsAtNUL        mistake = "a message ends at its first NUL"
	getRangeLonger          mistake = "the get range is one longer"
	getRefusesShort         mistake = "a get refuses a buffer that is too short"
	getOfNothingWrites      mistake = "a get with *optlen 0 writes"
	getBytesAsked           mistake = "get_bytes counts the requested bytes"
	negativeIsNothing       mistake = "a get treats a negative *optlen as 0"
	optlenStays             mistake = "a get does not change *optlen"
	readOnlyOptlenUncounted mistake = "a get with a read-only optlen is not counted"
	greetingNeedsRight      mistake = "the greeting requires a capability"
	greetingWithoutNUL      mistake = "the greeting has no NUL"
	lastNeedsNoRight        mistake = "the last message requires no capability"
	lastIsPadded            mistake = "the last message is padded to 64 bytes"
	statsNeedNoRight        mistake = "the counters require no capability"
	statsCountThemselves    mistake = "the counters count the get that reads them"
	deniedUncounted         mistake = "a call without the capability is not counted"
	coreCounts              mistake = "a set that the core rejects is counted"
	oneForAllNamespaces     mistake = "all namespaces share one state"
	oneForEachSocket        mistake = "sockets of a namespace do not share its state"
	namespaceKeepsMessage   mistake = "a new namespace has the message of an old one"
	unloadKeepsMessages     mistake = "messages survive unloading"
	unloadKeepsCounters     mistake = "counters survive unloading"
	baseIgnored             mistake = "commands stay at the default base"
	loadsTwice              mistake = "a loaded module can be loaded again"
	loadsBelowZero          mistake = "a negative base is accepted"
	loadsAtEnd              mistake = "a base without room for three commands is accepted"
)

// mistakes lists all mistakes.
var mistakes = []mistake{
	setTakesOneMore, setTakesOneLess, setRefusesNothing, setNeedsNoRight, setRangeLonger, setRangeEarlier,
	setBytesFull, emptySetKeeps, emptySetReads, lengthBeforeRight, memoryBeforeLength, faultClears,
	messageEndsAtNUL, getRangeLonger, getRefusesShort, getOfNothingWrites, getBytesAsked, negativeIsNothing,
	optlenStays, readOnlyOptlenUncounted, greetingNeedsRight, greetingWithoutNUL, lastNeedsNoRight, lastIsPadded,
	statsNeedNoRight, statsCountThemselves, deniedUncounted, coreCounts, oneForAllNamespaces, oneForEachSocket,
	namespaceKeepsMessage, unloadKeepsMessages, unloadKeepsCounters, baseIgnored, loadsTwice, loadsBelowZero, loadsAtEnd,
}
