#include "kvm/userfault.hpp"

#include "kvm/explain.hpp"
#include "kvm/ticks.hpp"
#include "system/failure.hpp"

#include <twofold/arch/page_size.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace twofold::vmm::kvm {

namespace {

/// The call, or else the device that newer kernels have for it.
int userfault_descriptor() {
    int const flags = O_CLOEXEC | O_NONBLOCK;
    auto const called = static_cast<int>(syscall(SYS_userfaultfd, flags));
    if (called >= 0 || errno != EPERM) return called;
    FileDescriptor const device{open("/dev/userfaultfd", O_RDWR | O_CLOEXEC)};
    if (!device.open()) {
        errno = EPERM;
        return -1;
    }
    return ioctl(device.get(), USERFAULTFD_IOC_NEW, static_cast<unsigned long>(flags));
}

/// Zeros to copy from: pages that are copied can be written to at once, others fault again.
std::byte const* zeros(std::uint64_t bytes) {
    static std::vector<std::byte> const all(std::size_t{1} << 20);
    return bytes <= all.size() ? all.data() : nullptr;
}

constexpr std::uint64_t largest_window = 256;

} // namespace

std::expected<FileDescriptor, std::string> FaultHandler::open_userfault() {
    FileDescriptor userfault{userfault_descriptor()};
    if (!userfault.open()) {
        return std::unexpected(fmt::format(
            "userfaultfd is not given to this user ({}); sysctl vm.unprivileged_userfaultfd=1 or "
            "access to /dev/userfaultfd would do",
            std::strerror(errno)));
    }
    uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
    if (ioctl(userfault.get(), UFFDIO_API, &api) != 0)
        return std::unexpected(fmt::format("this kernel's userfaultfd speaks another version ({})",
                                           std::strerror(errno)));
    return userfault;
}

FaultHandler::FaultHandler(FileDescriptor userfault, std::span<std::byte> memory, PageSource source)
    : userfault_(std::move(userfault)), memory_(memory), source_(source),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    source_.window = std::clamp<std::uint64_t>(source_.window, 1, largest_window);
    if (!stop_.open()) throw SystemFailure{"can't make an event", errno};
    uffdio_register range{
        .range = {.start = reinterpret_cast<std::uint64_t>(memory.data()), .len = memory.size()},
        .mode = UFFDIO_REGISTER_MODE_MISSING,
        .ioctls = 0};
    if (ioctl(userfault_.get(), UFFDIO_REGISTER, &range) != 0)
        throw SystemFailure{"userfaultfd refused the guest's memory", errno};
    zeros(0);
    thread_ = std::thread{[this] { serve(); }};
}

FaultHandler::~FaultHandler() { stop(); }

void FaultHandler::stop() {
    if (!thread_.joinable()) return;
    eventfd_write(stop_.get(), 1);
    thread_.join();
}

void FaultHandler::serve() {
    std::array<uffd_msg, 16> messages;
    std::array<pollfd, 2> waited{{{userfault_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    for (;;) {
        if (poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR) return;
        if (waited[1].revents != 0) return;
        ssize_t const got = read(userfault_.get(), messages.data(), sizeof messages);
        for (ssize_t i = 0; i < got / static_cast<ssize_t>(sizeof(uffd_msg)); ++i) {
            auto const& message = messages[static_cast<std::size_t>(i)];
            if (message.event != UFFD_EVENT_PAGEFAULT) continue;
            answer(message.arg.pagefault.address,
                   (message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE) != 0);
        }
    }
}

void FaultHandler::answer(std::uint64_t address, bool write) {
    std::uint64_t const arrived = read_ticks();
    auto const base = reinterpret_cast<std::uint64_t>(memory_.data());
    std::uint64_t const window = source_.window * page_4k.bytes();
    std::uint64_t const begin = (address - base) / window * window;
    std::uint64_t const end = std::min<std::uint64_t>(begin + window, memory_.size());
    std::uint64_t const pages = bring_in(begin, end, write);
    statistics_.count(write, pages, read_ticks() - arrived);
}

/// The source's bytes from `begin` on. They are read here first: where a file was cut off, the
/// kernel would only fail to copy, whereas a read of ours gets what the process has arranged for
/// that.
std::byte const* FaultHandler::source(std::uint64_t begin, std::uint64_t end) const {
    for (std::uint64_t at = begin; at < end; at += page_4k.bytes())
        (void)*const_cast<std::byte const volatile*>(&source_.contents[at]);
    return source_.contents.data() + begin;
}

/// Fills what is missing of [begin, end), offsets in the memory. Returns how many pages it filled.
std::uint64_t FaultHandler::bring_in(std::uint64_t begin, std::uint64_t end, bool write) {
    auto const base = reinterpret_cast<std::uint64_t>(memory_.data());
    std::uint64_t filled = 0;
    for (std::uint64_t at = begin; at < end;) {
        std::int64_t done = 0;
        if (source_.contents.empty() && !write) {
            uffdio_zeropage zero{.range = {base + at, end - at}, .mode = 0, .zeropage = 0};
            (void)ioctl(userfault_.get(), UFFDIO_ZEROPAGE, &zero);
            done = zero.zeropage;
        } else {
            auto const* const from = source_.contents.empty() ? zeros(end - at) : source(at, end);
            uffdio_copy copy{.dst = base + at,
                             .src = reinterpret_cast<std::uint64_t>(from),
                             .len = end - at,
                             .mode = 0,
                             .copy = 0};
            (void)ioctl(userfault_.get(), UFFDIO_COPY, &copy);
            done = copy.copy;
        }
        if (done > 0) {
            at += static_cast<std::uint64_t>(done);
            filled += static_cast<std::uint64_t>(done) / page_4k.bytes();
        } else if (done == -EEXIST) {
            at += page_4k.bytes(); // it is there already
        } else if (done != -EAGAIN) {
            break;
        }
    }
    // Whoever waits looks again, whether or not it was this call that filled its page.
    uffdio_range range{.start = base + begin, .len = end - begin};
    (void)ioctl(userfault_.get(), UFFDIO_WAKE, &range);
    return filled;
}

} // namespace twofold::vmm::kvm
