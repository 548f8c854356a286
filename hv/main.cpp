#include "hv/boot/boot_info.hpp"
#include "hv/cpu/machine_exit.hpp"
#include "hv/device/serial_ports.hpp"

extern "C" [[noreturn]] void hypervisor_main(twofold::hv::BootInfo const& boot_info);

void hypervisor_main(twofold::hv::BootInfo const& boot_info) {
    using namespace twofold::hv;
    initialise_serial_ports();
    console("hello\n");
    console.put(static_cast<char>('0' + boot_info.memory_map_entries));
    machine_exit();
}
