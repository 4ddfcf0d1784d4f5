package vmtest

// A mistake is a line of the model that is wrong on purpose.
type mistake string

const (
	none                    mistake = ""
	setTakesOneMore         mistake = "a set takes 65 bytes"
	setTakesOneLess         mistake = "a set takes no more than 63 bytes"
	setRefusesNothing       mistake = "a set of 0 bytes is refused"
	setNeedsNoRight         mistake = "a set needs no capability"
	setRangeLonger          mistake = "the set range is one longer"
	setRangeEarlier         mistake = "the set range begins one earlier"
	setBytesFull            mistake = "set_bytes counts 64 bytes for each set"
	emptySetKeeps           mistake = "a set of 0 bytes keeps the message"
	emptySetReads           mistake = "a set of 0 bytes reads its memory"
	lengthBeforeRight       mistake = "a set looks at the length before the capability"
	memoryBeforeLength      mistake = "a set looks at the memory before the length"
	faultClears             mistake = "a set of unreadable memory clears the message"
	messageEndsAtNUL        mistake = "a message ends at its first NUL"
	getRangeLonger          mistake = "the get range is one longer"
	getRefusesShort         mistake = "a get refuses a buffer that is too short"
	getOfNothingWrites      mistake = "a get with *optlen 0 writes"
	getBytesAsked           mistake = "get_bytes counts what was asked for"
	negativeIsNothing       mistake = "a get takes a negative *optlen for 0"
	optlenStays             mistake = "a get leaves *optlen as it is"
	readOnlyOptlenUncounted mistake = "a get with a read-only optlen is not counted"
	greetingNeedsRight      mistake = "the greeting needs a capability"
	greetingWithoutNUL      mistake = "the greeting comes without its NUL"
	lastNeedsNoRight        mistake = "the last message needs no capability"
	lastIsPadded            mistake = "the last message comes with 64 bytes"
	statsNeedNoRight        mistake = "the counters need no capability"
	statsCountThemselves    mistake = "the counters count the get that reads them"
	deniedUncounted         mistake = "a call without the capability is not counted"
	coreCounts              mistake = "a set that the core refuses is counted"
	oneForAllNamespaces     mistake = "all namespaces are one"
	oneForEachSocket        mistake = "sockets of a namespace do not share its state"
	namespaceKeepsMessage   mistake = "a new namespace has the message of an old one"
	unloadKeepsMessages     mistake = "messages survive unloading"
	unloadKeepsCounters     mistake = "counters survive unloading"
	baseIgnored             mistake = "commands stay at the default base"
	loadsTwice              mistake = "a loaded module can be loaded"
	loadsBelowZero          mistake = "a negative base is fine"
	loadsAtEnd              mistake = "a base without room for three commands is fine"
)

// mistakes are all of them.
var mistakes = []mistake{
	setTakesOneMore, setTakesOneLess, setRefusesNothing, setNeedsNoRight, setRangeLonger, setRangeEarlier,
	setBytesFull, emptySetKeeps, emptySetReads, lengthBeforeRight, memoryBeforeLength, faultClears,
	messageEndsAtNUL, getRangeLonger, getRefusesShort, getOfNothingWrites, getBytesAsked, negativeIsNothing,
	optlenStays, readOnlyOptlenUncounted, greetingNeedsRight, greetingWithoutNUL, lastNeedsNoRight, lastIsPadded,
	statsNeedNoRight, statsCountThemselves, deniedUncounted, coreCounts, oneForAllNamespaces, oneForEachSocket,
	namespaceKeepsMessage, unloadKeepsMessages, unloadKeepsCounters, baseIgnored, loadsTwice, loadsBelowZero, loadsAtEnd,
}
