// What a PC tells of itself by ports.
#pragma once

#include "guest/kit/processor.hpp"

#include <twofold/device/cmos_clock.hpp>
#include <twofold/device/fw_cfg.hpp>

#include <cstdint>

namespace twofold::guest {

inline std::uint8_t read_cmos(std::uint8_t index) {
    write_port(CmosClock::index_port, index);
    return read_port_8(CmosClock::data_port);
}

/// The first `bytes` of an item, the first lowest.
inline std::uint64_t read_firmware(FwCfg::Item item, unsigned bytes) {
    write_port(FwCfg::selector_port, static_cast<std::uint16_t>(item));
    std::uint64_t value = 0;
    for (unsigned n = 0; n < bytes; ++n)
        value |= std::uint64_t{read_port_8(FwCfg::data_port)} << 8 * n;
    return value;
}

inline bool has_firmware_configuration() {
    constexpr std::uint64_t qemu = 0x554d4551; // "QEMU", first byte lowest
    return read_firmware(FwCfg::signature, 4) == qemu;
}

inline std::uint64_t processor_count() { return read_firmware(FwCfg::processors, 2); }

} // namespace twofold::guest
