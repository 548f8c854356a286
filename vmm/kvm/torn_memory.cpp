#include "kvm/torn_memory.hpp"

#include <twofold/arch/page_size.hpp>

#include <sys/mman.h>

#include <atomic>
#include <csignal>
#include <cstdint>

namespace twofold::vmm::kvm {

namespace {

/// One memory, and what was given before it. Never freed: a signal may be looking at it.
struct TornRange {
    std::uintptr_t begin;
    std::uintptr_t end;
    TornRange const* next;
};
std::atomic<TornRange const*> torn_ranges = nullptr;

bool in_torn_range(std::uintptr_t address) {
    for (auto const* range = torn_ranges.load(); range != nullptr; range = range->next)
        if (address >= range->begin && address < range->end) return true;
    return false;
}

void on_bus_error(int signal, siginfo_t* information, void*) {
    auto const address = reinterpret_cast<std::uintptr_t>(information->si_addr);
    auto* const page = reinterpret_cast<void*>(address / page_4k.bytes() * page_4k.bytes());
    if (in_torn_range(address) &&
        mmap(page, page_4k.bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
             -1, 0) != MAP_FAILED)
        return;
    // Not of this: it comes again, and ends the process.
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
}

} // namespace

void outlive_torn_pages(std::span<std::byte> memory) {
    auto const begin = reinterpret_cast<std::uintptr_t>(memory.data());
    torn_ranges = new TornRange{begin, begin + memory.size(), torn_ranges.load()};
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, nullptr);
}

} // namespace twofold::vmm::kvm
