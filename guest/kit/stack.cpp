#include "guest/kit/stack.hpp"

#include "guest/kit/paging.hpp"

#include <array>

namespace twofold::guest {

namespace {

constexpr std::uint64_t stack_pages = 16;

using Table = std::array<Paging::Entry, 512>;

/// The tables of its region, from the PDPT down, and its pages: they come with the image, so that a
/// guest has a stack after a few stores.
alignas(4096) constinit std::array<Table, 3> stack_tables{};
alignas(4096) constinit std::array<std::byte, stack_pages * 4096> stack{};

/// Memory is mapped to itself.
std::uint64_t gpa_of(void const* object) { return reinterpret_cast<std::uint64_t>(object); }

} // namespace

std::uint64_t make_stack() {
    auto const first = Paging::Entry::to_frame(gpa_of(stack.data()), 1, read_write);
#pragma GCC unroll 16 // KVM without VT-x takes a microsecond for each instruction of ring 0
    for (std::uint64_t page = 0; page < stack_pages; ++page)
        stack_tables[2][page] = Paging::Entry{first.word() + page * page_4k.bytes()};
    stack_tables[1][0] = Paging::Entry::to_table(gpa_of(&stack_tables[2]));
    stack_tables[0][0] = Paging::Entry::to_table(gpa_of(&stack_tables[1]));
    auto const top = live_root() + Paging::index(stack_region, Paging::levels) * 8;
    (void)IdentityMemory{}.write(top, Paging::Entry::to_table(gpa_of(&stack_tables[0])).word());
    return (stack_region + stack.size()).value();
}

} // namespace twofold::guest
