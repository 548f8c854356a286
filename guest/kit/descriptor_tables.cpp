// The tables that exceptions need (Intel SDM vol. 3, "64-Bit Mode Task Management").
#include "guest/kit/traps.hpp"

#include <twofold/arch/bits.hpp>

#include <array>
#include <cstddef>

namespace twofold::guest {

struct Gate {
    std::uint64_t low;
    std::uint64_t high;
};

struct [[gnu::packed]] TaskState {
    std::uint32_t reserved0;
    std::array<std::uint64_t, 3> ring_stacks;
    std::uint64_t reserved1;
    std::array<std::uint64_t, 7> interrupt_stacks;
    std::uint64_t reserved2;
    std::uint16_t reserved3;
    std::uint16_t port_bitmap;
};
static_assert(sizeof(TaskState) == 104 && offsetof(TaskState, interrupt_stacks) == 36);

} // namespace twofold::guest

/// trap_entry.S
extern "C" twofold::guest::Gate interrupt_table[256];
/// descriptor_tables.S
extern "C" twofold::guest::TaskState task_state;
extern "C" std::byte const global_table_pointer[];
extern "C" std::byte const interrupt_table_pointer[];

namespace twofold::guest {

void set_interrupt_stack(std::uint8_t vector, InterruptStack stack) {
    Gate& gate = interrupt_table[vector];
    gate.low = (gate.low & ~mask(34, 32)) | static_cast<std::uint64_t>(stack) << 32;
}

void place_interrupt_stack(InterruptStack stack, std::uint64_t end) {
    task_state.interrupt_stacks[static_cast<std::size_t>(stack) - 1] = end;
}

void load_descriptor_tables() {
    // The segment registers hold what these tables say of them (abi/launch_info.hpp).
    asm volatile("lgdt %0\n\t"
                 "lidt %1\n\t"
                 "ltr %w2"
                 :
                 : "m"(global_table_pointer[0]), "m"(interrupt_table_pointer[0]),
                   "r"(selector::task_state)
                 : "memory");
}

} // namespace twofold::guest
