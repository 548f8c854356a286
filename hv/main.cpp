// The hypervisor's way from the loader to its guests.
#include "hv/boot/native_launch.hpp"
#include "hv/boot/set_up.hpp"
#include "hv/cpu/machine_exit.hpp"
#include "hv/device/serial_ports.hpp"
#include "hv/report.hpp"
#include "hv/vm/run_bundle.hpp"

extern "C" [[noreturn]] void hypervisor_main(twofold::hv::BootInfo const& boot_info);

void hypervisor_main(twofold::hv::BootInfo const& boot_info) {
    using namespace twofold::hv;
    initialise_serial_ports();
    Machine machine = set_up_machine(boot_info);
    Bundle const bundle = bundle_of(machine);
    if (bundle.native()) launch_natively(machine, bundle);
    run_bundle(machine, bundle);
    report_end();
    machine_exit();
}
