#include "kvm/port_bus.hpp"

#include <twofold/abi/hypercall.hpp>

#include <cstring>
#include <string>

namespace twofold::vmm::kvm {

void PortBus::write_uart(PortAccess const& access) {
    std::string text;
    for (std::uint32_t i = 0; i < access.count; ++i)
        uart_.write(access.port, static_cast<std::uint8_t>(access.data[i]),
                    [&](char byte) { text += byte; });
    if (!text.empty()) doors_.console(text);
}

bool PortBus::handle(PortAccess const& access) {
    bool const of_uart = GuestUart::has(access.port) && access.size == 1;
    if (!access.in && access.port == abi::hypercall_port && access.size == 4)
        return doors_.hypercall();
    if (of_uart && !access.in) {
        write_uart(access);
    } else if (of_uart) {
        std::memset(access.data, uart_.read(access.port), access.count);
    } else {
        unknown_ += access.count;
        if (access.in) std::memset(access.data, 0xff, std::size_t{access.count} * access.size);
    }
    return true;
}

} // namespace twofold::vmm::kvm
