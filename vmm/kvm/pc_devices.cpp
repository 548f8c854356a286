#include "kvm/pc_devices.hpp"

#include <ctime>

namespace twofold::vmm::kvm {

bool PcDevices::has(PortAccess const& access) {
    if (DebugExit::has(access.port)) return !access.in;
    if (access.port == FwCfg::selector_port) return !access.in && access.size == 2;
    if (access.port == FwCfg::data_port) return access.in && access.size == 1;
    return CmosClock::has(access.port) && access.size == 1;
}

std::uint32_t PcDevices::read(std::uint16_t port) {
    return FwCfg::has(port) ? firmware_.read() : clock_.read(port, std::time(nullptr));
}

std::optional<Stop> PcDevices::write(PortAccess const& access, std::uint32_t value) {
    if (DebugExit::has(access.port)) {
        auto const code = exit_.write(access.port, access.size, value);
        return code ? std::optional{Stop{"exit", *code, ""}} : std::nullopt;
    }
    if (FwCfg::has(access.port)) {
        firmware_.select(static_cast<std::uint16_t>(value));
    } else {
        clock_.write(access.port, static_cast<std::uint8_t>(value));
    }
    return std::nullopt;
}

std::optional<Stop> PcDevices::answer(PortAccess const& access) {
    for (std::uint32_t n = 0; n < access.count; ++n) {
        if (access.in) {
            access.set_element(n, read(access.port));
        } else if (auto stop = write(access, access.element(n))) {
            return stop;
        }
    }
    return std::nullopt;
}

} // namespace twofold::vmm::kvm
