#include "kvm/host_page_size.hpp"

#include <twofold/arch/page_size.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <vector>

namespace twofold::vmm::kvm {

namespace {

/// <linux/mman.h> of Linux 6.1, which older distributions' headers lack.
constexpr int collapse = 25;

constexpr std::uint64_t begin_of(std::uint64_t at, PageSize page) {
    return at / page.bytes() * page.bytes();
}

bool all_resident(std::span<std::byte> part) {
    std::vector<unsigned char> states(part.size() / page_4k.bytes());
    return mincore(part.data(), part.size(), states.data()) == 0 &&
           std::ranges::all_of(states, [](unsigned char state) { return (state & 1) != 0; });
}

} // namespace

/// Linux splits a huge page where its parts come to differ, and does not join them by itself when
/// they are alike again.
ResizeOutcome split_host_page(std::span<std::byte> memory, std::uint64_t at) {
    auto const page = memory.subspan(begin_of(at, page_4k), page_4k.bytes());
    bool const split = mprotect(page.data(), page.size(), PROT_READ) == 0;
    bool const as_before = mprotect(page.data(), page.size(), PROT_READ | PROT_WRITE) == 0;
    return split && as_before ? ResizeOutcome::done : ResizeOutcome::refused;
}

ResizeOutcome join_host_pages(std::span<std::byte> memory, std::uint64_t at) {
    std::uint64_t const begin = begin_of(at, page_2m);
    if (memory.size() - begin < page_2m.bytes()) return ResizeOutcome::not_whole;
    auto const part = memory.subspan(begin, page_2m.bytes());
    // Linux's huge pages begin where its addresses say so, KVM's where the guest's do.
    if (reinterpret_cast<std::uint64_t>(part.data()) % page_2m.bytes() != 0)
        return ResizeOutcome::refused;
    if (!all_resident(part)) return ResizeOutcome::not_whole;
    bool const joined = madvise(part.data(), part.size(), MADV_HUGEPAGE) == 0 &&
                        madvise(part.data(), part.size(), collapse) == 0;
    return joined ? ResizeOutcome::done : ResizeOutcome::refused;
}

} // namespace twofold::vmm::kvm
