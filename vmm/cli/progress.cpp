#include "cli/progress.hpp"

#include "system/failure.hpp"

#include <fmt/format.h>

namespace twofold::vmm {

Progress::~Progress() {
    try {
        clear();
    } catch (Failure const&) {
        shown_ = false; // the terminal is gone, and the line with it
    }
}

std::function<void()> Progress::ticker() {
    if (!enabled_) return {};
    return [this] { tick(); };
}

void Progress::make_way_for(std::string_view text) {
    if (text.empty()) return;
    clear();
    line_begins_ = text.back() == '\n';
    last_print_ = Clock::now();
}

void Progress::tick() {
    auto const now = Clock::now();
    if (!line_begins_ || now - last_print_ < std::chrono::seconds{1}) return;
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(now - started_).count();
    terminal_.write(fmt::format("\r\x1b[K{} ... {} s", what_, seconds));
    shown_ = true;
}

void Progress::clear() {
    if (shown_) terminal_.write("\r\x1b[K");
    shown_ = false;
}

} // namespace twofold::vmm
