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

std::string EmulatorFiles::add_nameless(std::uint64_t bytes) {
    return files.emplace_back(make_nameless_file(bytes)).path();
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
    if (wall_clock_limit.count() > 0) deadline_ = started_ + wall_clock_limit;
    for (Pipe* const pipe : {&files_.console, &files_.report, &files_.chatter})
        pipe->write_end.reset();
    watch(std::move(files_.console.read_end), sinks_.console);
    watch(std::move(files_.report.read_end),
          [this](std::string_view bytes) { report_.feed(bytes); });
    watch(std::move(files_.chatter.read_end),
          [this](std::string_view bytes) { chatter_.feed(bytes); });
    loop_.watch(child_.ended_descriptor(), [this] { on_end(); });
}

EmulatorRun::~EmulatorRun() {
    for (auto const& stream : streams_)
        loop_.forget(stream.read_end.get());
    loop_.forget(child_.ended_descriptor());
}

void EmulatorRun::watch(FileDescriptor read_end, std::function<void(std::string_view)> on_bytes) {
    auto& stream = streams_.emplace_back(std::move(read_end), std::move(on_bytes));
    loop_.watch(stream.read_end.get(), [this, &stream] {
        std::string bytes;
        bool const more = read_some(stream.read_end.get(), bytes);
        if (!bytes.empty()) stream.on_bytes(bytes);
        if (!more) loop_.forget(stream.read_end.get());
    });
}

/// Whatever it wrote before its end is still in the pipes.
void EmulatorRun::on_end() {
    ended_ = Clock::now();
    loop_.forget(child_.ended_descriptor());
    for (auto& stream : streams_) {
        loop_.forget(stream.read_end.get());
        std::string bytes;
        while (read_some(stream.read_end.get(), bytes) && !bytes.empty()) {
            stream.on_bytes(bytes);
            bytes.clear();
        }
    }
    report_.finish();
    chatter_.finish();
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
    Ending ending{.kind = kind_,
                  .exit_status = child_.wait(),
                  .log_tail = {},
                  .wall = ended_.value_or(started_) - started_};
    for (auto const& line : last_lines_)
        ending.log_tail += line + '\n';
    return ending;
}

} // namespace twofold::vmm
