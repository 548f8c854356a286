#include "kvm/torn_memory.hpp"

#include <twofold/arch/page_size.hpp>

#include <sys/mman.h>

#include <atomic>
#include <csignal>
#include <cstdint>

namespace twofold::vmm::kvm {

namespace {

std::atomic<std::uintptr_t> torn_begin = 0;
std::atomic<std::uintptr_t> torn_end = 0;

void on_bus_error(int signal, siginfo_t* information, void*) {
    auto const address = reinterpret_cast<std::uintptr_t>(information->si_addr);
    auto* const page = reinterpret_cast<void*>(address / page_4k.bytes() * page_4k.bytes());
    bool const ours = address >= torn_begin && address < torn_end;
    if (ours && mmap(page, page_4k.bytes(), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
        return;
    // Not of this: it comes again, and ends the process.
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
}

} // namespace

void outlive_torn_pages(std::span<std::byte> memory) {
    torn_begin = reinterpret_cast<std::uintptr_t>(memory.data());
    torn_end = torn_begin + memory.size();
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, nullptr);
}

} // namespace twofold::vmm::kvm
