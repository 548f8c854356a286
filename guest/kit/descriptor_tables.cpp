// GDT, TSS and the use of the IDT (Intel SDM vol. 3, "Segment Descriptor Tables" and "64-Bit Mode
// Task Management").
#include "guest/kit/traps.hpp"

#include <twofold/arch/bits.hpp>

#include <array>

namespace twofold::guest {

struct Gate {
    std::uint64_t low;
    std::uint64_t high;
};

} // namespace twofold::guest

/// trap_entry.S
extern "C" twofold::guest::Gate interrupt_table[256];
/// start.S
extern "C" char start_stack_end[];

namespace twofold::guest {

namespace {

/// What LGDT and LIDT load.
struct [[gnu::packed]] TablePointer {
    std::uint16_t limit;
    std::uint64_t base;
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
static_assert(sizeof(TaskState) == 104);

constexpr std::uint64_t code_64_bit = 0x00af'9b00'0000'ffff;
constexpr std::uint64_t data_writable = 0x00cf'9300'0000'ffff;
constexpr std::uint64_t code_32_bit = 0x00cf'9b00'0000'ffff;

constinit std::array<std::uint64_t, 6> global_table{0, code_64_bit, data_writable,
                                                    0, 0,           code_32_bit};
constinit TaskState task_state{};
alignas(16) constinit std::array<std::byte, 4096> double_fault_stack{};

std::uint64_t address_of(void const* object) { return reinterpret_cast<std::uint64_t>(object); }

void describe_task_state() {
    constexpr std::uint64_t present_available_tss = std::uint64_t{0x89} << 40;
    std::uint64_t const base = address_of(&task_state);
    task_state.port_bitmap = sizeof task_state;
    global_table[selector::task_state / 8] = (sizeof task_state - 1) | field(base, 23, 0) << 16 |
                                             present_available_tss | field(base, 31, 24) << 56;
    global_table[selector::task_state / 8 + 1] = field(base, 63, 32);
}

void load_segments() {
    TablePointer const pointer{sizeof global_table - 1, address_of(&global_table)};
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

void set_interrupt_stack(std::uint8_t vector, InterruptStack stack) {
    Gate& gate = interrupt_table[vector];
    gate.low = (gate.low & ~mask(34, 32)) | static_cast<std::uint64_t>(stack) << 32;
}

void place_interrupt_stack(InterruptStack stack, std::uint64_t end) {
    task_state.interrupt_stacks[static_cast<std::size_t>(stack) - 1] = end;
}

void load_descriptor_tables() {
    place_interrupt_stack(InterruptStack::page_fault, address_of(start_stack_end));
    place_interrupt_stack(InterruptStack::double_fault,
                          address_of(double_fault_stack.data() + double_fault_stack.size()));
    describe_task_state();
    load_segments();

    TablePointer const pointer{sizeof interrupt_table - 1, address_of(&interrupt_table)};
    asm volatile("lidt %0" : : "m"(pointer) : "memory");
}

} // namespace twofold::guest
