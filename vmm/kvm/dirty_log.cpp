#include "kvm/dirty_log.hpp"

namespace twofold::vmm::kvm {

DirtyLog::DirtyLog(Machine& machine, GuestRam& ram)
    : machine_(machine), ram_(ram), own_writes_(ram.bytes().size()) {
    machine_.set_slot(0, Gpa{}, ram_.bytes(), Machine::Log::writes);
    ram_.note_writes(&own_writes_);
}

DirtyLog::~DirtyLog() {
    ram_.note_writes(nullptr);
    machine_.set_slot(0, Gpa{}, ram_.bytes());
}

std::vector<std::uint64_t> DirtyLog::collect() {
    std::vector<std::uint64_t> words(own_writes_.words());
    machine_.take_writes(0, words);
    own_writes_.take_into(words);
    return words;
}

void DirtyLog::note_release(Gpa first, std::uint64_t pages) {
    auto const held = ram_.resident(first, pages);
    for (std::uint64_t n = 0; n < held.size(); ++n)
        if (held[n]) own_writes_.mark(first + n * page_4k.bytes());
}

} // namespace twofold::vmm::kvm
