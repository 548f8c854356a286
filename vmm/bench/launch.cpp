#include "bench/launch.hpp"

#include "bench/interleaved.hpp"
#include "cli/installation.hpp"
#include "kvm/device.hpp"
#include "kvm/host.hpp"
#include "system/failure.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

/// What one process took.
struct Launched {
    double seconds;
    double peak_kibibytes;
};

/// Runs a program to its end, its output thrown away.
Launched launch(std::vector<std::string> command) {
    std::vector<char*> words;
    for (auto& word : command)
        words.push_back(word.data());
    words.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int const output : {STDOUT_FILENO, STDERR_FILENO})
        posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0);
    rusage usage{};
    int status = 0;
    int error_number = 0;
    double const seconds = seconds_of([&] {
        pid_t child = -1;
        error_number = posix_spawn(&child, words.front(), &actions, nullptr, words.data(), environ);
        if (error_number == 0) wait4(child, &status, 0, &usage);
    });
    posix_spawn_file_actions_destroy(&actions);
    if (error_number != 0)
        throw SystemFailure{fmt::format("can't start {}", command.front()), error_number};
    if (status != 0)
        throw Failure{fmt::format("{} ended with status {}", fmt::join(command, " "), status)};
    return {seconds, static_cast<double>(usage.ru_maxrss)};
}

/// The command without shared libraries, where it was built.
std::filesystem::path launched_command() {
    auto const beside = own_program().parent_path() / "twofold_static";
    return std::filesystem::exists(beside) ? beside : own_program();
}

} // namespace

std::vector<BenchmarkResult> bench_launch(Context&) {
    if (auto const reason = kvm::why_unusable(); !reason.empty()) throw Failure{reason};
    auto const floor = own_program().parent_path() / "twofold_launch_floor";
    if (!std::filesystem::exists(floor))
        throw Failure{fmt::format(
            "{} is missing: build it, it is what a launch is measured against", floor.string())};
    auto const command = launched_command().string();
    double peak = 0;
    auto const turns = take_turns(
        [&] {
            auto const one = launch(
                {command, "run", "hello", "--engine", "kvm", "--guest-page", "2m", "--quiet"});
            peak = std::max(peak, one.peak_kibibytes);
            return one.seconds;
        },
        [&] { return launch({floor.string()}).seconds; });
    std::vector<BenchmarkResult> results;
    results.push_back(against_floor("launch_hello", turns, 1.25,
                                    "hello from exec to exit; floor: a static program of the "
                                    "same bare system calls"));
    results.push_back({.name = "launch_peak_memory",
                       .unit = "KiB",
                       .value = peak,
                       .floor = {},
                       .peer = {},
                       .goal = 4096,
                       .source = fmt::format("the most of all turns; {}", kvm::examine_host().name),
                       .note = "resident memory of the launching process, the guest's in it"});
    return results;
}

} // namespace twofold::vmm
