#include "kvm/dirty_log.hpp"

#include <twofold/arch/bits.hpp>

#include <algorithm>

namespace twofold::vmm::kvm {

namespace {
constexpr unsigned bits_a_word = 64;
} // namespace

DirtyLog::DirtyLog(Machine& machine, GuestRam& ram)
    : machine_(machine), ram_(ram),
      own_writes_((ram.bytes().size() / page_4k.bytes() + bits_a_word - 1) / bits_a_word) {
    machine_.set_slot(0, Gpa{}, ram_.bytes(), Machine::Log::writes);
    ram_.note_writes(&own_writes_);
}

DirtyLog::~DirtyLog() {
    ram_.note_writes(nullptr);
    machine_.set_slot(0, Gpa{}, ram_.bytes());
}

std::vector<std::uint64_t> DirtyLog::collect() {
    std::vector<std::uint64_t> words(own_writes_.size());
    machine_.take_writes(0, words);
    for (std::size_t n = 0; n < words.size(); ++n)
        words[n] |= own_writes_[n];
    std::ranges::fill(own_writes_, 0);
    return words;
}

void DirtyLog::note_release(Gpa first, std::uint64_t pages) {
    auto const held = ram_.resident(first, pages);
    std::uint64_t const begin = first.value() / page_4k.bytes();
    for (std::uint64_t n = 0; n < held.size(); ++n) {
        std::uint64_t const page = begin + n;
        if (held[n])
            own_writes_[page / bits_a_word] |= bit(static_cast<unsigned>(page % bits_a_word));
    }
}

} // namespace twofold::vmm::kvm
