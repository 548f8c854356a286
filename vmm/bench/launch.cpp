#include "bench/launch.hpp"

#include "bench/interleaved.hpp"
#include "cli/installation.hpp"
#include "kvm/device.hpp"
#include "kvm/host.hpp"
#include "system/failure.hpp"
#include "system/program_output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

/// Runs a program to its end, its output thrown away. Returns the seconds that it took.
double launch(std::vector<std::string> command) {
    std::vector<char*> words;
    words.reserve(command.size() + 1);
    for (auto& word : command)
        words.push_back(word.data());
    words.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int const output : {STDOUT_FILENO, STDERR_FILENO})
        posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0);
    int status = 0;
    int error_number = 0;
    double const seconds = seconds_of([&] {
        pid_t child = -1;
        error_number = posix_spawn(&child, words.front(), &actions, nullptr, words.data(), environ);
        if (error_number == 0) waitpid(child, &status, 0);
    });
    posix_spawn_file_actions_destroy(&actions);
    if (error_number != 0)
        throw SystemFailure{fmt::format("can't start {}", command.front()), error_number};
    if (status != 0)
        throw Failure{fmt::format("{} ended with status {}", fmt::join(command, " "), status)};
    return seconds;
}

/// The command without shared libraries, where it was built.
std::filesystem::path launched_command() {
    auto const beside = own_program().parent_path() / "twofold_static";
    return std::filesystem::exists(beside) ? beside : own_program();
}

/// The most that a launch had resident, in KiB.
double peak_of(std::vector<std::string> command, std::string const& floor, Signals const& signals) {
    command.insert(command.begin(), {floor, "--peak"});
    auto const output = output_of(std::move(command), signals, std::chrono::seconds{60});
    // The last line: the guest's console stands before it.
    auto const last = output.text.find_last_of("0123456789");
    auto const before = output.text.find_last_not_of("0123456789", last);
    if (output.exit_status != 0 || last == std::string::npos)
        throw Failure{"a launch could not be measured: " + output.text};
    return std::stod(output.text.substr(before + 1));
}

} // namespace

std::vector<BenchmarkResult> bench_launch(Context& context) {
    if (auto const reason = kvm::why_unusable(); !reason.empty()) throw Failure{reason};
    auto const floor = (own_program().parent_path() / "twofold_launch_floor").string();
    if (!std::filesystem::exists(floor))
        throw Failure{
            fmt::format("{} is missing: build it, it is what a launch is measured against", floor)};
    std::vector<std::string> const command{launched_command().string(),
                                           "run",
                                           "hello",
                                           "--engine",
                                           "kvm",
                                           "--guest-page",
                                           "2m",
                                           "--quiet"};
    auto const hello = find_guest("hello").string();
    TurnTaker turns{context};
    std::vector<BenchmarkResult> results;
    results.push_back(against_floor(
        "launch_hello",
        turns.take(
            "launch_hello", [&] { return launch(command); }, [&] { return launch({floor}); }),
        1.25,
        "hello from exec to exit; floor: a static program of the same "
        "bare system calls, whose guest only greets"));
    results.push_back(against_floor("launch_same_kernel",
                                    turns.take(
                                        "launch_same_kernel", [&] { return launch(command); },
                                        [&] {
                                            return launch({floor, hello});
                                        }),
                                    1.25, "the same; floor: that program running hello itself"));
    results.push_back({.name = "launch_peak_memory",
                       .unit = "KiB",
                       .value = peak_of(command, floor, context.signals),
                       .floor = {},
                       .peer = {},
                       .goal = 4096,
                       .source = fmt::format("one launch; {}", kvm::examine_host().name),
                       .note = "resident memory of the launching process, the guest's in it"});
    return results;
}

} // namespace twofold::vmm
