// What small kernels expect of a PC beside its interrupt controllers and its serial port.
#pragma once

#include "kvm/device_access.hpp"
#include "kvm/stop.hpp"

#include <twofold/device/cmos_clock.hpp>
#include <twofold/device/debug_exit.hpp>
#include <twofold/device/fw_cfg.hpp>

#include <optional>

namespace twofold::vmm::kvm {

class PcDevices {
  public:
    PcDevices(std::uint64_t memory_bytes, unsigned processors)
        : clock_(memory_bytes, processors), firmware_(memory_bytes, processors) {}

    /// Whether one of them answers such an access.
    static bool has(PortAccess const& access);
    /// The guest's end, if it asked for it.
    std::optional<Stop> answer(PortAccess const& access);

  private:
    [[nodiscard]] std::uint32_t read(std::uint16_t port);
    std::optional<Stop> write(PortAccess const& access, std::uint32_t value);

    CmosClock clock_;
    FwCfg firmware_;
    DebugExit exit_;
};

} // namespace twofold::vmm::kvm
