#include "cli/image_command.hpp"

#include "cli/installation.hpp"
#include "cli/launch_options.hpp"
#include "cli/option_list.hpp"
#include "engine/emulated_machine.hpp"
#include "engine/machine_memory.hpp"
#include "report/style.hpp"
#include "system/failure.hpp"
#include "system/file.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace twofold::vmm {

namespace {

constexpr char const* image_examples =
    R"(The image is a raw disk that a BIOS machine boots from. The guests run one after another; their
consoles go to the first serial port (0x3f8), the report to the second (0x2f8).
The options apply to every guest of the image.

Examples:
  twofold image hello touch -o disk.img
  twofold image ./my-kernel.elf --memory 1G --host-page 2m -o disk.img
  qemu-system-x86_64 -enable-kvm -cpu host -m 256M -drive file=disk.img,format=raw \
      -serial stdio -serial file:report.jsonl)";

struct ImageOptions {
    std::vector<std::string> guests;
    std::string output;
    GuestOptionTexts how;
};

LaunchPlan plan(ImageOptions const& options) {
    if (options.how.native && options.guests.size() > 1)
        throw UsageError{"--native: only one guest can have the bare processor"};
    LaunchPlan plan;
    plan.native = options.how.native;
    for (auto const& guest : options.guests)
        plan.guests.push_back(options.how.plan(guest, {}));
    return plan;
}

int write_image(Context& context, ImageOptions const& options) {
    constexpr std::uint64_t measured_by_the_hypervisor = 0;
    LaunchPlan const launch = plan(options);
    auto const image = image_for(launch, find_hypervisor(), measured_by_the_hypervisor);
    write_file(options.output, image);
    context.outputs.out.write(
        fmt::format("{}: {} with {} guest{}; the machine needs {} of memory\n", options.output,
                    byte_size(image.size()), launch.guests.size(),
                    launch.guests.size() == 1 ? "" : "s", byte_size(machine_memory_for(launch))));
    return exit_success;
}

} // namespace

void add_image_command(CLI::App& application, Action& chosen) {
    auto const options = std::make_shared<ImageOptions>();
    auto* const command =
        application.add_subcommand("image", "Write a bootable disk image with guests in it");
    command->add_option("guests", options->guests, "ELF files, or names of kernels of the family")
        ->required()
        ->type_name("GUESTS");
    command->add_option("-o,--output", options->output, "The image")->required()->type_name("FILE");
    options->how.add_to(*command);
    command->footer(image_examples);
    command->callback([options, &chosen] {
        chosen = [options](Context& context) { return write_image(context, *options); };
    });
}

} // namespace twofold::vmm
