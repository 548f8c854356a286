#include "kvm/clone_process.hpp"

#include "system/failure.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <span>

namespace twofold::vmm::kvm {

namespace {

constexpr std::size_t head_bytes = 1 + sizeof(std::uint32_t);

void put_piece(FileDescriptor const& pipe, char kind, std::string_view text) {
    do {
        auto const part = text.substr(0, piece::longest);
        text.remove_prefix(part.size());
        auto const bytes = piece::make(kind, part);
        // Whoever reads is gone: so is what this process is for.
        if (write_all(pipe.get(), std::as_bytes(std::span{bytes})) != 0) _exit(1);
    } while (!text.empty());
}

} // namespace

std::string piece::make(char kind, std::string_view text) {
    auto const length = static_cast<std::uint32_t>(text.size());
    std::string bytes(head_bytes, kind);
    std::memcpy(bytes.data() + 1, &length, sizeof length);
    return bytes.append(text);
}

bool PieceReader::feed(std::string_view bytes,
                       std::function<void(char, std::string_view)> const& sink) {
    held_ += bytes;
    std::string_view left = held_;
    while (left.size() >= head_bytes) {
        std::uint32_t length = 0;
        std::memcpy(&length, left.data() + 1, sizeof length);
        if (length > piece::longest) return false;
        if (left.size() < head_bytes + length) break;
        sink(left.front(), left.substr(head_bytes, length));
        left.remove_prefix(head_bytes + length);
    }
    held_ = std::string{left};
    return true;
}

CloneProcess::CloneProcess(std::uint64_t number, std::function<void(Sinks)> const& live)
    : number_(number) {
    auto pipe = Pipe::make();
    pid_t const parent = getpid();
    child_ = fork();
    if (child_ < 0) throw SystemFailure{"can't make a process for a clone", errno};
    if (child_ == 0) {
        pipe.read_end = {};
        become(pipe.write_end, live, parent);
    }
    pipe_ = std::move(pipe.read_end);
}

CloneProcess::~CloneProcess() {
    if (child_ < 0) return;
    kill();
    (void)reap();
}

void CloneProcess::become(FileDescriptor const& pipe, std::function<void(Sinks)> const& live,
                          pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    int status = 1;
    try {
        live({.console = [&](std::string_view text) { put_piece(pipe, piece::console, text); },
              .report_line =
                  [&](std::string_view line) {
                      put_piece(pipe, piece::report, line);
                      return true;
                  }});
        put_piece(pipe, piece::end, {});
        status = 0;
    } catch (Failure const& failure) {
        status = failure.exit_status();
    } catch (...) { // whoever reads sees that the end is missing
    }
    // Nothing of what this process was before is to be done twice.
    _exit(status);
}

std::optional<std::string> CloneProcess::take(Sinks const& sinks) {
    std::array<char, 65536> bytes;
    auto const got = read(pipe_.get(), bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) return std::nullopt;
    bool const sound = got > 0 && reader_.feed({bytes.data(), static_cast<std::size_t>(got)},
                                               [&](char kind, std::string_view text) {
                                                   if (kind == piece::console) sinks.console(text);
                                                   if (kind == piece::report)
                                                       (void)sinks.report_line(text);
                                                   if (kind == piece::end) ended_ = true;
                                               });
    if (sound && !ended_) return std::nullopt;
    bool const well = ended_;
    ended_ = true;
    if (!well && got > 0) kill();
    auto const how = wait();
    return well ? std::nullopt : std::optional{how};
}

void CloneProcess::kill() {
    if (child_ > 0) ::kill(child_, SIGKILL);
}

int CloneProcess::reap() {
    int status = 0;
    while (waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
    return status;
}

std::string CloneProcess::wait() {
    int const status = reap();
    if (WIFSIGNALED(status))
        return fmt::format("its process was killed by signal {} ({})", WTERMSIG(status),
                           strsignal(WTERMSIG(status)));
    return fmt::format("its process ended with status {}", WEXITSTATUS(status));
}

} // namespace twofold::vmm::kvm
