#include "hv/cpu/descriptor_tables.hpp"

#include "hv/boot/low_memory.h"

#include <twofold/arch/bits.hpp>
#include <twofold/arch/exception.hpp>

#include <algorithm>
#include <array>

/// exception_entry.S
extern "C" char const exception_stubs[];

namespace twofold::hv {

namespace {

constexpr std::uint64_t stub_bytes = 16;

/// What LGDT and LIDT load.
struct [[gnu::packed]] TablePointer {
    std::uint16_t limit;
    std::uint64_t base;
};
static_assert(sizeof(TablePointer) == 10);

/// Only the interrupt stacks are of use: all code runs in ring 0, and there is no bitmap of ports.
struct [[gnu::packed]] TaskState {
    std::uint32_t reserved0;
    std::array<std::uint64_t, 3> ring_stacks;
    std::uint64_t reserved1;
    std::array<std::uint64_t, 7> interrupt_stacks;
    std::uint64_t reserved2;
    std::uint16_t reserved3;
    std::uint16_t port_bitmap;
};
static_assert(sizeof(TaskState) == 104);

/// Places in TaskState::interrupt_stacks, counted from 1; 0 keeps the stack.
enum class InterruptStack : std::uint8_t { none, double_fault, non_maskable, machine_check };

constexpr std::uint64_t code_64_bit = 0x00af'9b00'0000'ffff;
constexpr std::uint64_t data_writable = 0x00cf'9300'0000'ffff;

/// The two words of the descriptor of an available 64-bit TSS.
constexpr std::array<std::uint64_t, 2> task_descriptor(std::uint64_t base) {
    constexpr std::uint64_t present_available_tss = std::uint64_t{0x89} << 40;
    return {(sizeof(TaskState) - 1) | field(base, 23, 0) << 16 | present_available_tss |
                field(base, 31, 24) << 56,
            field(base, 63, 32)};
}

struct Gate {
    std::uint64_t low;
    std::uint64_t high;

    /// Enters `handler` with interrupts off.
    static constexpr Gate interrupt(std::uint64_t handler, InterruptStack stack) {
        constexpr std::uint64_t present_interrupt_gate = std::uint64_t{0x8e} << 40;
        return {field(handler, 15, 0) | std::uint64_t{selector::code} << 16 |
                    static_cast<std::uint64_t>(stack) << 32 | present_interrupt_gate |
                    field(handler, 31, 16) << 48,
                field(handler, 63, 32)};
    }
};

constinit std::array<std::uint64_t, 5> global_table{0, code_64_bit, data_writable, 0, 0};
constinit TaskState task_state{
    .reserved0 = 0,
    .ring_stacks = {},
    .reserved1 = 0,
    .interrupt_stacks = {DOUBLE_FAULT_STACK_END, NMI_STACK_END, MACHINE_CHECK_STACK_END},
    .reserved2 = 0,
    .reserved3 = 0,
    .port_bitmap = sizeof(TaskState),
};
constinit std::array<Gate, 256> interrupt_table{};

constexpr InterruptStack stack_of(std::uint64_t vector) {
    switch (vector) {
    case exception::double_fault: return InterruptStack::double_fault;
    case exception::non_maskable_interrupt: return InterruptStack::non_maskable;
    case exception::machine_check: return InterruptStack::machine_check;
    default: return InterruptStack::none;
    }
}

void fill_interrupt_table() {
    auto const stubs = reinterpret_cast<std::uint64_t>(&exception_stubs);
    for (std::uint64_t vector = 0; vector < interrupt_table.size(); ++vector) {
        std::uint64_t const stub = std::min<std::uint64_t>(vector, exception_vectors);
        interrupt_table[vector] = Gate::interrupt(stubs + stub * stub_bytes, stack_of(vector));
    }
}

template <class Table>
TablePointer pointer_to(Table const& table) {
    return {sizeof table - 1, reinterpret_cast<std::uint64_t>(&table)};
}

void load_segments() {
    auto const pointer = pointer_to(global_table);
    asm volatile("lgdt %0\n\t"
                 "pushq %1\n\t"
                 "leaq 1f(%%rip), %%rax\n\t"
                 "pushq %%rax\n\t"
                 "lretq\n"
                 "1:\n\t"
                 "movw %w2, %%ds\n\t"
                 "movw %w2, %%es\n\t"
                 "movw %w2, %%ss\n\t"
                 "movw %w2, %%fs\n\t"
                 "movw %w2, %%gs\n\t"
                 "ltr %w3"
                 :
                 : "m"(pointer), "i"(selector::code), "r"(selector::data), "r"(selector::task_state)
                 : "rax", "memory");
}

} // namespace

DescriptorTables load_descriptor_tables() {
    auto const task_base = reinterpret_cast<std::uint64_t>(&task_state);
    std::ranges::copy(task_descriptor(task_base), global_table.begin() + selector::task_state / 8);
    load_segments();

    fill_interrupt_table();
    auto const interrupts = pointer_to(interrupt_table);
    asm volatile("lidt %0" : : "m"(interrupts) : "memory");
    return {Hva{reinterpret_cast<std::uint64_t>(&global_table)},
            Hva{reinterpret_cast<std::uint64_t>(&interrupt_table)}, Hva{task_base}};
}

} // namespace twofold::hv
