// The registers of a target as GDB numbers and names them.
#pragma once

#include "debug/debug_target.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace twofold::vmm {

/// Numbers: as GDB fixes them for x86-64 up to those of SSE, then the rest.
std::size_t gdb_register_count();

/// The register as hexadecimal digits, its lowest byte first. `number` is below
/// gdb_register_count().
std::string gdb_register_value(DebugRegisters const& registers, std::size_t number);
/// False when `hex` is not as long as the register, or not hexadecimal.
bool set_gdb_register(DebugRegisters& registers, std::size_t number, std::string_view hex);
/// Hexadecimal digits of register `number`.
std::size_t gdb_register_digits(std::size_t number);

/// What the packet `g` holds: all registers, one after another.
std::string gdb_all_registers(DebugRegisters const& registers);
/// What the packet `G` brings. False when it is too short or not hexadecimal.
bool set_all_gdb_registers(DebugRegisters& registers, std::string_view hex);

/// target.xml: names, sizes and features (GDB manual, "Target Descriptions").
std::string const& gdb_target_description();

} // namespace twofold::vmm
