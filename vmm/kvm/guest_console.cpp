#include "kvm/guest_console.hpp"

#include <fmt/format.h>

namespace twofold::vmm::kvm {

namespace {
/// A longer line is printed in pieces, as the hypervisor does.
constexpr std::size_t longest_line = 256;
} // namespace

void ConsoleLines::put_as_is(std::string_view bytes) {
    std::lock_guard const lock{mutex_};
    outbox_.put_console(bytes);
    if (!bytes.empty()) line_begun_ = bytes.back() != '\n';
}

void ConsoleLines::put_line(std::uint64_t number, std::string_view line) {
    std::lock_guard const lock{mutex_};
    bool const ends = !line.empty() && line.back() == '\n';
    outbox_.put_console(
        fmt::format("{}[{}] {}{}", line_begun_ ? "\n" : "", number, line, ends ? "" : "\n"));
    line_begun_ = false;
}

void GuestConsole::share() {
    std::lock_guard const lock{mutex_};
    shared_ = true;
}

void GuestConsole::put(std::string_view bytes) {
    std::lock_guard const lock{mutex_};
    if (!shared_) return lines_.put_as_is(bytes);
    for (char const byte : bytes) {
        line_ += byte;
        if (byte == '\n' || line_.size() == longest_line) print_line();
    }
}

void GuestConsole::flush() {
    std::lock_guard const lock{mutex_};
    print_line();
}

void GuestConsole::print_line() {
    if (line_.empty()) return;
    lines_.put_line(number_, line_);
    line_.clear();
}

} // namespace twofold::vmm::kvm
