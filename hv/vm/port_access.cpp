// Ports: the guest's UART, the hypercall port, and a policy for all others: reads give all ones,
// writes are dropped, both are counted.
#include "hv/vm/exit_handlers.hpp"
#include "hv/vm/guest_access.hpp"
#include "hv/vmx/events.hpp"

#include <twofold/abi/hypercall.hpp>

#include <algorithm>

namespace twofold::hv {

namespace {

void write_one(Guest& guest, std::uint16_t port, std::uint8_t bytes, std::uint32_t value) {
    if (GuestUart::has(port) && bytes == 1) {
        guest.uart.write(port, static_cast<std::uint8_t>(value),
                         [&](char byte) { guest.console.put(byte); });
    } else {
        ++guest.unknown_ports;
    }
}

std::uint32_t read_one(Guest& guest, std::uint16_t port, std::uint8_t bytes) {
    if (GuestUart::has(port) && bytes == 1) return guest.uart.read(port);
    ++guest.unknown_ports;
    return bytes == 4 ? ~0U : (1U << bytes * 8) - 1;
}

/// IN replaces as much of RAX as it reads; a 4-byte one clears the upper half as well.
std::uint64_t merged(std::uint64_t rax, std::uint32_t value, std::uint8_t bytes) {
    if (bytes == 4) return value;
    std::uint64_t const replaced = (std::uint64_t{1} << bytes * 8) - 1;
    return (rax & ~replaced) | value;
}

/// INS or OUTS in progress.
struct StringAccess {
    vm_exit::PortAccess port;
    /// Of RCX, RSI and RDI: what the instruction's address size uses.
    std::uint64_t mask;
    /// Bytes from one element to the next, negative with the direction flag set.
    std::uint64_t step;
    Gva gva;
    std::uint64_t left;
};

StringAccess begin_string(vm_exit::PortAccess const& port, Registers const& registers) {
    // "Format of the VM-Exit Instruction-Information Field as Used for INS and OUTS": address size
    // 16, 32 or 64 bits.
    auto const size = field(read_vmcs(VmcsField32::exit_instruction_information), 9, 7);
    std::uint64_t const mask = size == 0 ? 0xffff : size == 1 ? 0xffff'ffff : ~std::uint64_t{0};
    constexpr std::uint64_t direction_flag = bit(10);
    bool const down = (read_vmcs(VmcsFieldNatural::guest_rflags) & direction_flag) != 0;
    std::uint64_t const bytes = port.bytes;
    return {port, mask, down ? ~bytes + 1 : bytes,
            Gva{read_vmcs(VmcsFieldNatural::guest_linear_address)},
            port.repeated ? registers.rcx & mask : 1};
}

void advance(std::uint64_t& part, std::uint64_t mask, std::uint64_t by) {
    part = (part & ~mask) | ((part + by) & mask);
}

/// One element, perhaps across two pages.
std::expected<void, AccessFault> transfer(Guest& guest, PageReach& reach_byte,
                                          StringAccess const& string) {
    auto const& port = string.port;
    std::uint32_t value = 0;
    // Both pages must be reached before the port is: what it gave or took could not be given back.
    for (unsigned i = 0; i < port.bytes; ++i) {
        auto const hpa = reach_byte(string.gva + i);
        if (!hpa) return std::unexpected(hpa.error());
        if (!port.in) value |= std::uint32_t{*at<std::uint8_t>(*hpa)} << 8 * i;
    }
    if (!port.in) {
        write_one(guest, port.port, port.bytes, value);
        return {};
    }
    value = read_one(guest, port.port, port.bytes);
    for (unsigned i = 0; i < port.bytes; ++i) {
        auto const hpa = reach_byte(string.gva + i);
        if (!hpa) return std::unexpected(hpa.error());
        *at<std::uint8_t>(*hpa) = static_cast<std::uint8_t>(value >> 8 * i);
    }
    return {};
}

bool handle_string(Guest& guest, Registers& registers, vm_exit::PortAccess const& port) {
    StringAccess string = begin_string(port, registers);
    std::uint64_t& pointer = port.in ? registers.rdi : registers.rsi;
    // In portions, so that a long one does not outlast the guest's time: the instruction is
    // repeated for the rest.
    constexpr std::uint64_t portion = 4096;
    PageReach reach_byte{guest, port.in ? Access::write : Access::read};
    std::uint64_t const end = string.left - std::min(string.left, portion);
    while (string.left > end) {
        if (auto const done = transfer(guest, reach_byte, string); !done)
            return answer_fault(guest, done.error());
        --string.left;
        advance(pointer, string.mask, string.step);
        if (port.repeated) advance(registers.rcx, string.mask, ~std::uint64_t{0});
        string.gva = string.gva + string.step;
    }
    if (string.left == 0) skip_instruction();
    guest.time.look_after_next_exit();
    return true;
}

} // namespace

bool handle_port_access(Guest& guest, Registers& registers) {
    auto const port = port_access(read_vmcs(VmcsFieldNatural::exit_qualification));
    if (port.string) return handle_string(guest, registers, port);
    skip_instruction();
    if (port.in) {
        registers.rax = merged(registers.rax, read_one(guest, port.port, port.bytes), port.bytes);
        return true;
    }
    if (port.port == abi::hypercall_port && port.bytes == 4)
        return handle_hypercall(guest, registers);
    write_one(guest, port.port, port.bytes, static_cast<std::uint32_t>(registers.rax));
    return true;
}

} // namespace twofold::hv
