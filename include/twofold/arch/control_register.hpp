// Bits of CR0 and CR4 (Intel SDM vol. 3, "Control Registers").
#pragma once

#include <twofold/arch/bits.hpp>

#include <cstdint>

namespace twofold {

namespace cr0 {
inline constexpr std::uint64_t protection_enable = bit(0);
inline constexpr std::uint64_t monitor_coprocessor = bit(1);
inline constexpr std::uint64_t task_switched = bit(3);
inline constexpr std::uint64_t extension_type = bit(4);
inline constexpr std::uint64_t numeric_error = bit(5);
inline constexpr std::uint64_t write_protect = bit(16);
inline constexpr std::uint64_t not_write_through = bit(29);
inline constexpr std::uint64_t cache_disable = bit(30);
inline constexpr std::uint64_t paging = bit(31);
} // namespace cr0

namespace cr4 {
inline constexpr std::uint64_t page_size_extensions = bit(4);
inline constexpr std::uint64_t physical_address_extension = bit(5);
inline constexpr std::uint64_t os_fxsr = bit(9);
inline constexpr std::uint64_t linear_addresses_57 = bit(12);
inline constexpr std::uint64_t vmx_enable = bit(13);
inline constexpr std::uint64_t smx_enable = bit(14);
inline constexpr std::uint64_t process_context_identifiers = bit(17);
inline constexpr std::uint64_t os_xsave = bit(18);
inline constexpr std::uint64_t supervisor_access_prevention = bit(21);
inline constexpr std::uint64_t protection_keys = bit(22);
inline constexpr std::uint64_t control_flow_enforcement = bit(23);
} // namespace cr4

} // namespace twofold
