#include "system/failure.hpp"

#include <fmt/format.h>

#include <csignal>
#include <cstring>

namespace twofold::vmm {

namespace {
/// What a shell reports of a process that a signal ended.
constexpr int exit_by_signal = 128;
} // namespace

SystemFailure::SystemFailure(std::string const& action, int error_number)
    : Failure(fmt::format("{}: {}", action, std::strerror(error_number))) {}

Interrupted::Interrupted(int signal_number)
    : Failure(fmt::format("interrupted by signal {}", signal_number),
              exit_by_signal + signal_number) {}

OutputClosed::OutputClosed() : Failure("the output was closed", exit_by_signal + SIGPIPE) {}

} // namespace twofold::vmm
