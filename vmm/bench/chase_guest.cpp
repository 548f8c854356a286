#include "bench/chase_guest.hpp"

#include "bench/chase_loop.hpp"
#include "bench/interleaved.hpp"
#include "kvm/entry_state.hpp"
#include "system/failure.hpp"

#include <twofold/arch/control_register.hpp>
#include <twofold/arch/exception.hpp>
#include <twofold/arch/msr.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace twofold::vmm {

namespace {

constexpr std::uint16_t kernel_code = 0x08;
constexpr std::uint16_t user_data = 0x1b;
constexpr std::uint16_t user_code = 0x23;
constexpr std::uint16_t task_segment = 0x28;

/// Offsets in ring 0's pages.
constexpr std::uint64_t gdt_offset = 0;
constexpr std::uint64_t task_offset = 0x100;
constexpr std::uint64_t handler_offset = 0x800;
constexpr std::uint64_t idt_offset = 0x1000;
constexpr std::uint64_t stack_end_offset = ChaseMemory::ring_0_bytes;

constexpr unsigned char invalid_opcode_code[] = {0x0f, 0x0b}; // ud2
constexpr unsigned char handler_code[] = {0xf4, 0xeb, 0xfd};  // again: hlt; jmp again

/// A gate of an IDT in IA-32e mode (Intel SDM vol. 3, "64-Bit Mode IDT").
struct InterruptGate {
    std::uint64_t low;
    std::uint64_t high;

    explicit constexpr InterruptGate(std::uint64_t handler)
        : low(field(handler, 15, 0) | std::uint64_t{kernel_code} << 16 | present_interrupt << 40 |
              field(handler, 31, 16) << 48),
          high(handler >> 32) {}
    static constexpr std::uint64_t present_interrupt = 0x8e;
};

constexpr SegmentAccess for_ring_3(SegmentAccess access) {
    constexpr std::uint32_t privilege_3 = 3U << 5;
    return SegmentAccess{access.word() | privilege_3};
}

constexpr SegmentRegister flat(std::uint16_t selector, SegmentAccess access) {
    return {selector, 0, 0xffff'ffff, access};
}

constexpr SegmentRegister ring_0_code = flat(kernel_code, segment_access::code_64);
constexpr SegmentRegister ring_3_code = flat(user_code, for_ring_3(segment_access::code_64));
constexpr SegmentRegister ring_3_data = flat(user_data, for_ring_3(segment_access::flat_data_32));

template <class Value>
void put(ChaseMemory& memory, std::uint64_t offset, Value const& value) {
    std::memcpy(reinterpret_cast<void*>(memory.address(ChaseMemory::Place::ring_0, offset)), &value,
                sizeof value);
}

SegmentRegister task_of(ChaseMemory const& memory) {
    constexpr std::uint32_t task_limit = 0x67;
    return {task_segment, memory.address(ChaseMemory::Place::ring_0, task_offset), task_limit,
            segment_access::busy_task};
}

void write_ring_0(ChaseMemory& memory) {
    using enum ChaseMemory::Place;
    put(memory, gdt_offset + kernel_code, ring_0_code.descriptor());
    put(memory, gdt_offset + (user_data & ~3), ring_3_data.descriptor());
    put(memory, gdt_offset + (user_code & ~3), ring_3_code.descriptor());
    // RSP0 stands behind a reserved word (Intel SDM vol. 3, "Task Management in 64-bit Mode").
    constexpr std::uint64_t rsp0_offset = 4;
    put(memory, task_offset + rsp0_offset, memory.address(ring_0, stack_end_offset));
    put(memory, handler_offset, handler_code);
    put(memory, idt_offset + sizeof(InterruptGate) * exception::invalid_opcode,
        InterruptGate{memory.address(ring_0, handler_offset)});
}

void write_ring_3(ChaseMemory& memory) {
    auto const code = chase_code();
    auto* const at = reinterpret_cast<std::byte*>(memory.address(ChaseMemory::Place::code));
    std::memcpy(at, code.data(), code.size());
    std::memcpy(at + code.size(), invalid_opcode_code, sizeof invalid_opcode_code);
}

kvm_sregs start_registers(kvm_sregs fresh, ChaseMemory const& memory, Gpa root) {
    using enum ChaseMemory::Place;
    fresh.cs = kvm::kvm_segment_of(ring_3_code);
    fresh.ds = fresh.es = fresh.fs = fresh.gs = fresh.ss = kvm::kvm_segment_of(ring_3_data);
    fresh.tr = kvm::kvm_segment_of(task_of(memory));
    fresh.gdt = {memory.address(ring_0, gdt_offset), 0x2f, {}};
    fresh.idt = {memory.address(ring_0, idt_offset), 0xfff, {}};
    fresh.cr0 = cr0::protection_enable | cr0::extension_type | cr0::numeric_error |
                cr0::write_protect | cr0::paging;
    fresh.cr3 = root.value();
    fresh.cr4 = cr4::physical_address_extension;
    fresh.efer = efer::long_mode_enable | efer::long_mode_active;
    return fresh;
}

} // namespace

ChaseGuest::ChaseGuest(kvm::Device const& device, kvm::CpuidTable const& cpuid, ChaseMemory& memory,
                       PageSize guest_page)
    : guest_{device, cpuid}, code_(memory.address(ChaseMemory::Place::code)),
      // What RET finds on its stack: the invalid opcode behind the loop.
      stack_(memory.address(ChaseMemory::Place::stack, page_4k.bytes() - sizeof(std::uint64_t))) {
    write_ring_0(memory);
    write_ring_3(memory);
    *reinterpret_cast<std::uint64_t*>(stack_) = code_ + chase_code().size();
    at_start_ =
        start_registers(guest_.first().special_registers(), memory, memory.make_tables(guest_page));
    guest_.machine.set_slot(0, Gpa{}, memory.ram().bytes());
}

double ChaseGuest::run(std::uint64_t first, std::uint64_t steps) {
    auto& processor = guest_.first();
    kvm_regs registers{};
    registers.rip = code_;
    registers.rsp = stack_;
    registers.rdi = first;
    registers.rsi = steps;
    registers.rflags = 2;
    processor.set_special_registers(at_start_);
    processor.set_registers(registers);
    int error = 0;
    double const seconds = seconds_of([&] {
        do {
            error = processor.enter();
        } while (error == EINTR);
    });
    if (error != 0) throw SystemFailure{"KVM_RUN", error};
    if (processor.shared().exit_reason != KVM_EXIT_HLT)
        throw Failure{fmt::format("the guest that follows the chain left by KVM's exit {}, not by "
                                  "its HLT",
                                  processor.shared().exit_reason)};
    return seconds;
}

} // namespace twofold::vmm
