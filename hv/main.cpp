// The hypervisor's way from the loader to its guests.
#include "hv/boot/boot_info.hpp"
#include "hv/cpu/descriptor_tables.hpp"
#include "hv/cpu/machine_exit.hpp"
#include "hv/cpu/panic.hpp"
#include "hv/device/serial_ports.hpp"
#include "hv/report.hpp"

extern "C" [[noreturn]] void hypervisor_main(twofold::hv::BootInfo const& boot_info);

void hypervisor_main(twofold::hv::BootInfo const& boot_info) {
    using namespace twofold::hv;
    initialise_serial_ports();
    load_descriptor_tables();
    if (boot_info.image.bundle_bytes == 0)
        stop_with_error("no bundle: this image holds no guest; `twofold image` adds them");
    report_end();
    machine_exit();
}
