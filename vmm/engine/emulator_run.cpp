#include "engine/emulator_run.hpp"

#include <algorithm>
#include <utility>

namespace twofold::vmm {

namespace {

/// How long an emulator may take to stop once the report has ended.
constexpr std::chrono::milliseconds time_to_stop{500};
/// How much of an emulator's chatter is kept for the case that it fails.
constexpr std::size_t kept_lines = 12;
constexpr std::size_t longest_kept_line = 400;

} // namespace

std::string EmulatorFiles::add(char const* name, std::span<std::byte const> contents) {
    return files.emplace_back(make_memory_file(name, contents)).path();
}

std::string EmulatorFiles::add(char const* name, std::string_view contents) {
    return add(name, std::as_bytes(std::span{contents}));
}

std::vector<int> EmulatorFiles::inherited() const {
    std::vector<int> all{console.write_end.get(), report.write_end.get(), chatter.write_end.get()};
    for (auto const& file : files)
        all.push_back(file.get());
    return all;
}

EmulatorRun::EmulatorRun(std::vector<std::string> command, EmulatorFiles files, Sinks sinks,
                         EventLoop& loop, std::chrono::milliseconds wall_clock_limit)
    : files_(std::move(files)), sinks_(std::move(sinks)), loop_(loop),
      report_([this](std::string_view line) { on_report_line(line); }),
      chatter_([this](std::string_view line) { on_chatter_line(line); }),
      child_({.command = std::move(command),
              .inherited = files_.inherited(),
              .output = files_.chatter.write_end.get(),
              .without_network = true},
             loop.signals()) {
    for (Pipe* const pipe : {&files_.console, &files_.report, &files_.chatter})
        pipe->write_end.reset();
    if (wall_clock_limit.count() > 0) deadline_ = started_ + wall_clock_limit;
    watch_streams();
}

EmulatorRun::~EmulatorRun() {
    for (Pipe* const pipe : {&files_.console, &files_.report, &files_.chatter})
        if (pipe->read_end.open()) loop_.forget(pipe->read_end.get());
}

void EmulatorRun::watch_streams() {
    watch(files_.console.read_end, sinks_.console, [] {});
    watch(
        files_.report.read_end, [this](std::string_view bytes) { report_.feed(bytes); },
        [this] { report_.finish(); });
    watch(
        files_.chatter.read_end, [this](std::string_view bytes) { chatter_.feed(bytes); },
        [this] { chatter_.finish(); });
}

/// Each stream ends when the emulator does, since nobody else has its other end.
void EmulatorRun::watch(FileDescriptor& stream, std::function<void(std::string_view)> on_bytes,
                        std::function<void()> on_end) {
    ++open_streams_;
    loop_.watch(stream.get(),
                [this, &stream, on_bytes = std::move(on_bytes), on_end = std::move(on_end)] {
                    std::string bytes;
                    bool const more = read_some(stream.get(), bytes);
                    if (!bytes.empty()) on_bytes(bytes);
                    if (more) return;
                    on_end();
                    loop_.forget(stream.get());
                    stream.reset();
                    if (--open_streams_ == 0) ended_ = Clock::now();
                });
}

void EmulatorRun::on_report_line(std::string_view line) {
    if (report_ended_ || sinks_.report_line(line)) return;
    report_ended_ = true;
    deadline_ = Clock::now() + time_to_stop;
}

void EmulatorRun::on_chatter_line(std::string_view line) {
    if (sinks_.engine_line) sinks_.engine_line(line);
    if (last_lines_.size() == kept_lines) last_lines_.pop_front();
    last_lines_.emplace_back(line.substr(0, longest_kept_line));
}

void EmulatorRun::tick() {
    if (!deadline_ || Clock::now() < *deadline_) return;
    if (!report_ended_) kind_ = Ending::Kind::wall_clock_limit;
    deadline_.reset();
    child_.kill();
}

Ending EmulatorRun::ending() {
    Ending ending{
        .kind = kind_, .exit_status = child_.wait(), .log_tail = {}, .wall = ended_ - started_};
    for (auto const& line : last_lines_)
        ending.log_tail += line + '\n';
    return ending;
}

} // namespace twofold::vmm
