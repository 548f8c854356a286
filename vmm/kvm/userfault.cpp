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
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>
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
    : userfault_(std::move(userfault)), memory_(memory), source_(std::move(source)),
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
    if (source_.limit) {
        resident_.emplace(memory, *source_.limit);
    }
    if (resident_ || !source_.image.empty()) page_.resize(page_4k.bytes());
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
    std::lock_guard const lock{filling_};
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

/// As the call: bytes that were copied, or an error's number below 0.
std::int64_t FaultHandler::copy_in(std::uint64_t at, std::byte const* from, std::uint64_t bytes) {
    uffdio_copy copy{.dst = reinterpret_cast<std::uint64_t>(memory_.data()) + at,
                     .src = reinterpret_cast<std::uint64_t>(from),
                     .len = bytes,
                     .mode = 0,
                     .copy = 0};
    do {
        (void)ioctl(userfault_.get(), UFFDIO_COPY, &copy);
    } while (copy.copy == -EAGAIN);
    return copy.copy;
}

std::int64_t FaultHandler::zero_in(std::uint64_t at, std::uint64_t bytes) {
    uffdio_zeropage zero{.range = {reinterpret_cast<std::uint64_t>(memory_.data()) + at, bytes},
                         .mode = 0,
                         .zeropage = 0};
    do {
        (void)ioctl(userfault_.get(), UFFDIO_ZEROPAGE, &zero);
    } while (zero.zeropage == -EAGAIN);
    return zero.zeropage;
}

/// Fills what is missing of [begin, end), offsets in the memory. Returns how many pages it filled.
std::uint64_t FaultHandler::bring_in(std::uint64_t begin, std::uint64_t end, bool write) {
    std::uint64_t const filled =
        page_.empty() ? fill_run(begin, end, write) : fill_each(begin, end);
    // Whoever waits looks again, whether or not it was this call that filled its page.
    uffdio_range range{.start = reinterpret_cast<std::uint64_t>(memory_.data()) + begin,
                       .len = end - begin};
    (void)ioctl(userfault_.get(), UFFDIO_WAKE, &range);
    return filled;
}

/// All from one source, by as few calls as there can be.
std::uint64_t FaultHandler::fill_run(std::uint64_t begin, std::uint64_t end, bool write) {
    bool const from_contents = !source_.contents.empty();
    std::uint64_t filled = 0;
    for (std::uint64_t at = begin; at < end;) {
        std::uint64_t const bytes = end - at;
        std::int64_t const done =
            !from_contents && !write
                ? zero_in(at, bytes)
                : copy_in(at, from_contents ? source(at, end) : zeros(bytes), bytes);
        if (done > 0) {
            at += static_cast<std::uint64_t>(done);
            filled += static_cast<std::uint64_t>(done) / page_4k.bytes();
        } else if (done == -EEXIST) {
            at += page_4k.bytes(); // it is there already
        } else {
            break;
        }
    }
    if (from_contents) statistics_.from_file += filled;
    return filled;
}

/// Each from wherever it lies. All are copied, zeros too: the zero page would become a frame of the
/// guest's by a write that makes no fault here.
std::uint64_t FaultHandler::fill_each(std::uint64_t begin, std::uint64_t end) {
    make_room(begin, end);
    std::uint64_t filled = 0;
    for (std::uint64_t at = begin; at < end; at += page_4k.bytes()) {
        std::uint64_t const page = at / page_4k.bytes();
        if (resident_ && resident_->resident(page)) continue;
        auto* const count = compose(page);
        if (copy_in(at, page_.data(), page_4k.bytes()) <= 0) continue;
        if (resident_) resident_->note(page);
        if (count != nullptr) ++*count;
        ++filled;
    }
    return filled;
}

/// Room for the pages of [begin, end) that have no frame yet.
void FaultHandler::make_room(std::uint64_t begin, std::uint64_t end) {
    if (!resident_) return;
    std::uint64_t missing = 0;
    for (std::uint64_t at = begin; at < end; at += page_4k.bytes())
        missing += resident_->resident(at / page_4k.bytes()) ? 0 : 1;
    auto const room = resident_->make_room(missing);
    if (!room && source_.on_short) source_.on_short(room.error());
}

/// Puts together what a page without a frame holds. What counts its source, zeros apart.
std::uint64_t* FaultHandler::compose(std::uint64_t page) {
    std::ranges::fill(page_, std::byte{0});
    auto const holds = resident_ ? resident_->contents(page) : ResidentPages::Contents::as_at_first;
    if (holds == ResidentPages::Contents::swapped) {
        if (resident_->load(page, page_)) return &statistics_.from_swap;
        if (source_.on_short) source_.on_short("a page can't be read from the swap file any more");
    }
    if (holds != ResidentPages::Contents::as_at_first) return nullptr;
    std::uint64_t const at = page * page_4k.bytes();
    if (!source_.contents.empty()) {
        std::ranges::copy(source_.contents.subspan(at, page_4k.bytes()), page_.begin());
        return &statistics_.from_file;
    }
    auto const behind = std::ranges::upper_bound(source_.image, at, {}, &ImagePart::gpa);
    if (behind == source_.image.begin()) return nullptr;
    ImagePart const& part = *std::prev(behind);
    if (at - part.gpa >= part.bytes.size()) return nullptr;
    std::ranges::copy(part.bytes.subspan(at - part.gpa, page_4k.bytes()), page_.begin());
    return &statistics_.from_file;
}

std::uint64_t FaultHandler::release(std::uint64_t first, std::uint64_t pages) {
    return resident_->release(first, pages);
}

void FaultHandler::start_over() {
    std::lock_guard const lock{filling_};
    if (madvise(memory_.data(), memory_.size(), MADV_DONTNEED) != 0)
        throw SystemFailure{"can't give guest memory back", errno};
    if (resident_) resident_->start_over();
}

std::vector<std::uint64_t> FaultHandler::pages_elsewhere() const {
    std::vector<std::uint64_t> in_file;
    for (auto const& part : source_.image)
        for (std::uint64_t at = 0; at < part.bytes.size(); at += page_4k.bytes())
            in_file.push_back((part.gpa + at) / page_4k.bytes());
    if (!resident_) return in_file;
    std::vector<std::uint64_t> all;
    std::ranges::set_union(in_file, resident_->swapped_pages(), std::back_inserter(all));
    return all;
}

std::optional<ReclaimStatistics> FaultHandler::reclaimed() const {
    return resident_ ? std::optional{resident_->statistics()} : std::nullopt;
}

} // namespace twofold::vmm::kvm
