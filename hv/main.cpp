// The hypervisor's way from the loader to its guests.
#include "hv/boot/set_up.hpp"
#include "hv/cpu/machine_exit.hpp"
#include "hv/device/serial_ports.hpp"
#include "hv/report.hpp"

extern "C" [[noreturn]] void hypervisor_main(twofold::hv::BootInfo const& boot_info);

void hypervisor_main(twofold::hv::BootInfo const& boot_info) {
    using namespace twofold::hv;
    initialise_serial_ports();
    [[maybe_unused]] Machine machine = set_up_machine(boot_info);
    [[maybe_unused]] Bundle const bundle = bundle_of(boot_info);
    report_end();
    machine_exit();
}
