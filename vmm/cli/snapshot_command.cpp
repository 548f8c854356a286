#include "cli/snapshot_command.hpp"

#include "cli/clone_options.hpp"
#include "cli/launch_options.hpp"
#include "cli/option_list.hpp"
#include "cli/session.hpp"
#include "cli/size.hpp"
#include "kvm/kvm_engine.hpp"
#include "kvm/snapshot_file.hpp"
#include "report/run_text.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace twofold::vmm {

namespace {

constexpr char const* snapshot_examples =
    R"(Needs KVM. A snapshot holds the guest's memory and its processor's whole state, checked by a
checksum. Memory is mapped lazily and copy-on-write: the file does not change, and a restore costs
what the guest touches. Which pages that were is kept in FILE.touched, and the next restore brings
them in beforehand.

Examples:
  twofold snapshot save walk.snap walk --after-exits 1
  twofold snapshot restore walk.snap
  twofold snapshot restore walk.snap --clones 3 --repeat 100)";

struct SnapshotOptions {
    std::string file;
    std::string guest;
    std::vector<std::string> arguments;
    std::uint64_t after_exits = 0;
    std::string timeout = "60";
    std::string lazy_by = "kernel";
    std::uint64_t fault_window = 16;
    bool quiet = false;
    std::uint16_t clones = 0;
    GuestOptionTexts how;
    BoardOptionTexts board;
    CloneOptionTexts cloned;
};

int run_under_kvm(Context& context, GuestPlan plan, kvm::RunOptions const& options, bool quiet) {
    LaunchPlan launch;
    launch.guests.push_back(std::move(plan));
    KvmEngine engine{options};
    EventLoop loop{context.signals};
    Session session{engine, launch, loop, {.console = [&](std::string_view text) {
                        context.outputs.out.write(text);
                    }}};
    Run* const run = &session.run();
    finish_all(loop, {&run, 1});
    session.finish();
    Style const style{context.outputs.err.wants_colour()};
    context.outputs.err.write(quiet ? broken_off_text(session.report(), style)
                                    : run_text(session.report(), style));
    context.outputs.err.write(session.failure(style));
    return session.exit_status();
}

int save_snapshot(Context& context, SnapshotOptions const& options) {
    if (options.how.clones != 0)
        throw UsageError{"--clones: a snapshot is of one guest; clone it at its restore"};
    auto plan = options.how.plan(options.guest, options.arguments);
    auto board = options.board;
    board.for_a_pc_kernel = plan.boot.has_value();
    int const status = run_under_kvm(
        context, std::move(plan),
        {.board = board.options(), .freeze_after = options.after_exits, .save_to = options.file},
        options.quiet);
    if (status == exit_success && !options.quiet)
        context.outputs.err.write(fmt::format("saved to {}\n", options.file));
    return status;
}

int restore_snapshot(Context& context, SnapshotOptions const& options) {
    kvm::SnapshotFile const snapshot{options.file};
    auto const& head = snapshot.head();
    GuestPlan plan{.arguments = {head.name},
                   .elf = {},
                   .memory_bytes = head.memory_bytes,
                   .guest_page = PageSize{head.guest_page_shift},
                   .time_limit = parse_seconds("--timeout", options.timeout),
                   .clones = options.clones};
    auto run = kvm_run_options(options.lazy_by, options.fault_window);
    run.restore_from = options.file;
    options.cloned.apply_to(run);
    return run_under_kvm(context, std::move(plan), run, options.quiet);
}

void add_file_and_quiet(CLI::App& command, SnapshotOptions& options) {
    command.add_option("file", options.file, "The snapshot")->required()->type_name("FILE");
    command.add_flag("-q,--quiet", options.quiet,
                     "Print no report, but why a guest did not end by itself");
}

} // namespace

void add_snapshot_command(CLI::App& application, Action& chosen) {
    auto const options = std::make_shared<SnapshotOptions>();
    auto* const command =
        application.add_subcommand("snapshot", "Freeze a guest into a file, or go on from one");
    command->require_subcommand(1);
    command->footer(snapshot_examples);

    auto* const save = command->add_subcommand("save", "Run a guest, freeze it, and save it");
    add_file_and_quiet(*save, *options);
    save->add_option("guest", options->guest, "An ELF file, or the name of a kernel of the family")
        ->required()
        ->type_name("GUEST");
    save->add_option("arguments", options->arguments, "Arguments of the guest, after --")
        ->type_name("ARGS");
    save->add_option("--after-exits", options->after_exits,
                     "Freeze it after N exits to this program; 0: before its first instruction [0]")
        ->type_name("N");
    options->how.add_to(*save);
    options->how.boot.add_to(*save);
    options->board.add_to(*save);
    save->callback([options, &chosen] {
        chosen = [options](Context& context) { return save_snapshot(context, *options); };
    });

    auto* const restore = command->add_subcommand("restore", "Go on with a guest that was saved");
    add_file_and_quiet(*restore, *options);
    restore->add_option("--timeout", options->timeout, "Stop it after S seconds; 0: never [60]")
        ->type_name("S");
    restore
        ->add_option("--lazy-by", options->lazy_by,
                     "Who brings in memory at its first touch: the kernel, or a handler of this "
                     "program's by userfaultfd, which counts and times each [kernel]")
        ->type_name("kernel|userfault");
    restore
        ->add_option("--fault-window", options->fault_window,
                     "Pages of 4K that this handler brings in at one fault, a power of two up to "
                     "256 [16]")
        ->type_name("N");
    restore
        ->add_option("--clones", options->clones,
                     "Go on with N more guests from the same snapshot, all at the same time; each "
                     "line that they print begins with the guest's number [0]")
        ->type_name("N");
    options->cloned.add_to(*restore);
    restore->callback([options, &chosen] {
        chosen = [options](Context& context) { return restore_snapshot(context, *options); };
    });
}

} // namespace twofold::vmm
