#include "cli/session.hpp"

#include "report/fields.hpp"
#include "report/memory_text.hpp"
#include "report/run_text.hpp"
#include "system/failure.hpp"

#include <fmt/format.h>

namespace twofold::vmm {

namespace {

std::string panic_text(record::Panic const& panic) {
    return fmt::format("the hypervisor panicked: {} (vector {}) at rip {:#x}, error code {:#x}, "
                       "cr2 {:#x}: {}\n",
                       panic.name, panic.vector, panic.rip, panic.error_code, panic.cr2,
                       panic.message);
}

/// Why there is no whole report.
std::string unfinished_text(Ending const& ending) {
    std::string text = ending.kind == Ending::Kind::wall_clock_limit
                           ? fmt::format("the engine still ran after {:.0f} s, long past the time "
                                         "limit, and was killed\n",
                                         ending.wall.count())
                           : fmt::format("the engine ended (status {}) before the hypervisor's "
                                         "report did\n",
                                         ending.exit_status);
    if (!ending.log_tail.empty())
        text += "the last that the engine said:\n" + visible(ending.log_tail);
    return text;
}

} // namespace

Session::Session(Engine& engine, LaunchPlan const& plan, EventLoop& loop, Options options)
    : options_(std::move(options)), filter_(options_.raw),
      run_(engine.start(
          plan,
          {.console = [this](std::string_view bytes) { options_.console(filter_.feed(bytes)); },
           .report_line = [this](std::string_view line) { return on_report_line(line); },
           .engine_line = options_.engine_line},
          loop)) {}

bool Session::on_report_line(std::string_view line) {
    ++lines_;
    try {
        return report_.add_line(line);
    } catch (MalformedRecord const& error) {
        throw Failure{fmt::format("line {} of the hypervisor's report is malformed: {}\n  {}",
                                  lines_, error.what(), visible(line))};
    }
}

void Session::finish() {
    ending_ = run_->ending();
    options_.console(filter_.finish());
}

std::string Session::failure(Style const& style) const {
    std::string text = missing_capabilities_text(report_, style);
    if (!text.empty()) text += "this processor can't run the hypervisor\n";
    for (auto const& error : report_.errors())
        text += "the hypervisor stopped: " + error.message + '\n';
    if (report_.panic()) text += panic_text(*report_.panic());
    if (!report_.end()) return text + unfinished_text(ending_);
    if (text.empty() && report_.guests().empty()) text = "no guest was started\n";
    if (report_.end()->frames_in_use != 0) {
        text += fmt::format("{} frames were still in use after the last guest was gone\n",
                            report_.end()->frames_in_use);
    }
    return text + audit_failure(report_.audits());
}

int Session::exit_status() const {
    if (!failure(Style{false}).empty()) return exit_failure;
    for (auto const& guest : report_.guests()) {
        if (!guest.stop) return exit_failure;
        if (guest.stop->code != 0) return static_cast<int>(guest.stop->code);
    }
    return exit_success;
}

} // namespace twofold::vmm
