"""Vocabulary of replies: words and phrases with their meanings (data).

The rules over these meanings are in `campaigns.rules.replies.patterns`.

Accents do not matter (`cai` is `cài`), except in the words of HARD, which match only exactly; within a phrase
of several words the neighbours make the meaning clear, so there the spelling without accents matches as well.
`a/b_c` is the word a or the words b c. The longest phrase wins; of phrases equal without accents, the first
one.
"""

_HARD = """
    bàn bày bán bò bó bạc bả bận bắc bố bộ chán cháo cháy chân chó chùa chú chăn chấn chỉ chị chỗ chớ chờ chợ chứa chừ chữ cái cám
    cát cân cãi cò còn cóc cô cúi cạn cất cầm cầu cậu cỏ cố cổ củi cửa dâu dê dùng dũng dạ dấu dầu dễ dụng dừng giờ gói gõ
    gắn gởi hãy hơi hư hỏng hồi hồng hộ hội hủy hử khoa khói khối kiến kẹt liên loài lây lượt lầm lắm lối lội lộn lời lợi miền mơi
    muộn mày má mã mãi mô mượn mấy mẹ mỏ mố mốt mỗi một mời mở ngày ngủ nhấn nhắm nhắn nhỏ nhớ những nó nói phim phiên phát
    quà quên rành răng rơi rảnh rối rời sào sáu sâu sập sổ sợ thưởng thạo thảo thầy thằng thẻ thể thổi thời tiệm trèo tài túi
    tại tất tối tội tự văng vỡ vợ à ánh ép đau đeo đáng đâu đã đòi đó đúng đăng đơ đảng đầu đẹp đẻ đế đề đồ đổi đời đợi đứng
    đừng ảnh ổng ứ
"""
HARD = frozenset(_HARD.split())
# The campaign's own words, with the tags VERB, THING, OTHERTHING and DONE, are in `Vocabulary`.
MEANINGS: dict[str, str] = {
    # Words that would be confused with others without their accents; names; slogans.
    "X": """
        bộ nhớ | tên hủy/chặn/ngừng/stop | tôi/em/tui/mình/anh/chị/con/cháu là dừng/hủy/ngừng | bàn | bán | cái | cãi | bộ | mã | mất điện/nước | bị mất điện/nước | chán | chân | chữ | y thảo | không phiền gì/chi | chặn đường/xe | kết thúc dịch | a lợi/lối | tên lợi/thảo/dừng | a lợi/lối | tên lợi/thảo | chăn bò/trâu/heo/dê | cứu trợ/đói/nạn/hộ | đừng/chớ lo | nhỏ | nhớ | tiệm | tự | rời | đó có | dũng | dấu | dụng | đăng | đau | đầu | đeo | đồ | đời | gõ | hơi | hội | lời | mấy
        mỏ | mỗi | mời | ngày | ngủ | tài | tại | thẻ | tội | đeo khẩu trang | hỗ trợ tiền/gạo/covid/dịch
        tiền/gạo hỗ trợ | phát gạo/tiền/thuốc | không phải nhắc/lo | khỏi nhắc/lo | phản hồi | đứng tên | kiểm tra/coi/xem lại giúp | bỏ lỡ/sót/quên/qua | huy/dung nghe đây
        gần đây/nhà/trường/ủy/xã/chợ/bên | stop covid/corona/dịch/ncov | tên/là huy/dung | tên/là a/anh/chị/em huy/dung
        huy/dung đây | gõ gì/chữ | chúng ta | dừng xe/đèn/chân | nhà số | xin phép | theo hướng dẫn | cũng được | đi làm | có chi
    """,
    "SPAM": """
        trúng thưởng | khuyến mãi | vay tiền/nhanh/vốn | lãi suất | giá rẻ | soạn dk/đk | quý khách | cuộc gọi nhỡ | gọi nhỡ
        số dư | tài khoản của/quý | thuê bao này | nghe máy | gọi lại sau | liên hệ ngay | tặng
    """,
    "AWAY": "lái xe | đang họp | tin nhắn tự động | đi vắng",
    # --- opt-out ---
    # A name if an action follows it, else a wish to stop.
    "NAMED": """
        huy/dung/dừng/hủy/ngừng/chặn nè | dừng/hủy/ngừng/chặn đây | là chặn
    """,
    "KEYWORD": "stop | tc | unsubscribe | unsub | tuchoi | huytin | dungnhan | khongnhan | ngungnhan",
    "HALT": """
        dừng | ngừng | ngưng | hủy | optout | opt out | quit | cancel | end | off | kết thúc | chấm dứt
        thôi/nghỉ/bớt/hết nhắn/gửi/gởi/spam/nhắc/gọi
        dừng lại/ngay/đi/hẳn | thôi ngay | dừng nữa | đừng nữa | tạm dừng | thôi đi | hủy đăng ký/ki | hủy dk/dv | hủy/dừng/ngừng dịch vụ | hủy bỏ
        hủy tin/nhận | hủy đi/giúp
    """,
    "DONT": "đừng | chớ | cấm | đừng có | đừng bao giờ | đừng bắt",
    "DUNG": "dung | đứng | đùng | đưng | đụng | dưng | dững",
    "HUY": "huy | remove",
    "REJECT": "từ chối",
    "STRIKE": """
        xóa/bỏ/loại/gỡ/rút/gạch số/tên/sim | khỏi ds | khỏi danh sách | ra danh sách | khỏi hệ thống/nhóm/group/list
        bỏ/loại/xóa/gỡ/rút tôi/em/tui/mình/tao | rút/rời/thoát/out nhóm/group | rút/thoát/out khỏi | chặn | block
        remove/delete me/my/this | take me/my/this off | take my number | opt me out | leave me alone | tha cho | danh sách đen | go away
        để/cho tôi/em/tui/mình/tao/tau/anh/chị/bác/cô/chú/ông/bà/con yên | để yên | người ta yên | yên thân
        báo công an | báo nhà mạng | báo tổng đài | báo cáo spam/số | tố cáo | report spam | tôi/tui/đi kiện | kiện cho/đó
        cút | cút đi/mẹ/xéo/khỏi | cut di/lien/me/xeo | biến | biến đi/mẹ/hộ/liền/cho | bien di/me | xéo đi/ngay | phắn | lượn đi | câm | câm mồm/miệng/mẹ/đi/họng | cam mom/mieng/hong | im đi/mồm/mẹ/miệng/lặng/giùm/giúp/liền | ngậm mồm/miệng/mỏ | nín đi/giùm | bớt làm_phiền/nhắn/gửi/spam/bớt/xàm | đủ rồi đấy/cảm/nha/đừng | không cần thêm/gửi/ai_nhắc | xin kiếu | tha cho/tao/tôi/em/tui/e/con | xin tha | out kèo/ra/list/ds/danh_sách | rút khỏi/lui/tên | miễn nhận | tắt tin/thông_báo/tin_nhắn/giúp_tin | mute | yên tĩnh | không đồng_ý/cho_phép nhận/gửi/nhắn/dùng_số/sử_dụng_số/cho_dùng_số | làm sao/cách_nào/thế_nào để/khỏi/mà không/ngừng/hủy/tắt nhận/tin | khỏi/không_còn nhận tin
        không/chưa đăng ký nhận/tin | không_có/đâu_có/có_đâu đăng ký nhận/mà/tin | ai cho/cho_phép/khiến nhắn/gửi | blacklist | đừng điện | no more | no sms/text/message/messages | chớ nhắn/gửi
    """,
    "DROP": "bỏ | loại | rút | gạch | cắt | khóa | ngắt | tắt | delete | dẹp cái/mấy/tin",
    "NAME": "tên | họ tên | thông tin | thông tin cá nhân | dữ liệu | hồ sơ | thuê bao | my/this/phone number",
    "LIST": "danh sách | ds | danh bạ | nhóm",
    "KEEP": "lưu | lưu giữ | giữ | lưu lại | lấy",
    "MSG": """
        nhắn | nhan | nhắn tin | tin nhắn | gửi | gởi | gửi/gởi tin | gửi/gởi tin nhắn | nhận tin nhắn | nhắn gửi/gởi | sms | spam
        làm phiền | liên lạc | quấy rầy/rối/phá | phiền | quảng cáo | qc | thông báo | text | text me | texting | receive | receiving | sending | send
        message | messages | contact/call/bother/disturb me | contact | bother | disturb | nhắc | nhắc nhở | réo
    """,
    "CALL": "gọi | liên hệ",
    "TIN": "tin",
    "ANNOY": """
        phiền quá/lắm/ghê/thật/phức/chết | ngày/giờ/hôm nào cũng nhắn/gửi/gởi | nhắn/gửi/gởi gì/chi nhắn/gửi/gởi/lắm/hoài | bực mình | bị làm phiền | làm phiền quá/lắm | nhắn/gửi ít thôi/lại | nhắn/gửi/spam vừa thôi/phải | nhắn/gửi tin ít thôi/lại | nhắn/gửi nữa coi/là/tao/tau/thử/chặn/kiện/báo/chửi | cứ/còn nhắn/gửi/gởi nữa | spam hoài/quá/mãi/suốt/nhiều
        nhắn/gửi/gởi hoài/miết/suốt/mãi | nhắn/gửi/gởi tin hoài/miết/suốt/mãi/nhiều/liên
    """,
    # --- wrong person ---
    "WRONGNO": """
        nhầm | lộn | nhầm/lộn/sai/lạc số/người/máy/sim/rồi | lầm số/người | nhầm số điện thoại | nhầm điện thoại
        nhầm/lộn tên | cho người khác | chuyển đi rồi | nhắn/gửi/gởi/gọi nhầm/lộn | nhắn/gửi tin nhầm/lộn | wrong number/person/num | not me | wrong | số khác rồi | này mua lại | mua lại sim/số | số/của công/cơ/trường/trạm ty/quan/học/y | số/sim của công/cơ/trường/trạm ty/quan/học/y | đổi số/chủ/sim/người
        chủ/số cũ | chủ cũ bỏ/đổi/bán/trả số/sim | người khác dùng/xài/sử_dụng | của người khác | là người khác | sim em/tôi/tui/mình mới | mới đổi sang/qua | số mới mua/làm | sim mới/rác | số/sim này mua | not my number | sim/số này mới
        mới mua/làm/dùng/xài sim/số | không dùng/xài số này | không còn dùng/xài số | số này không còn
        không phải tôi/mình/tui/tau/tao/me/em
    """,
    "STRANGE": """
        không quen | ai là | không biết người/ai | không phải người/dân/ở | không biết ai tên | ai tên | tên gì lạ | nào tên | không ở kon
        không có ai | không ai tên | không có người | không có ông/bà/anh/chị/cô/chú | làm gì có ai
    """,
    "NOTBE": "không phải | không phải là | đâu phải | đâu phải là | i am not | im not | i m not | this is not",
    "OWNER": "số của | của | số/sim này | chủ số | chủ thuê bao | người này/đó/ấy | ông/bà/bác/anh/chị/cô/chú ấy",
    "DIED": "mất lâu rồi | mất năm | mất rồi | đã mất | qua đời | chết rồi",
    # --- the phone itself ---
    "SMART": """
        smartphone | smart phone | thông minh | lướt | máy lướt | đời mới | lướt được | cảm ứng | quẹt | android | iphone | máy xịn | máy/điện_thoại tốt/to | cái vuốt | máy thông minh/quẹt
        máy cảm ứng | điện thoại thông minh | điện thoại cảm ứng | điện thoại xịn/quẹt
    """,
    "BRICK": """
        cục gạch | đen trắng | trắng đen | máy/điện_thoại đồ cổ | loại/kiểu/máy/cũ bấm số | basic/old/button phone | phone with buttons | bàn phím | bấm phím | phím bấm | bấm nút | nút bấm | kiểu bấm | mỗi phím | phổ thông | cổ lỗ sĩ | không lên/vô mạng | không lên được mạng | máy/điện_thoại rách
        máy/điện_thoại phím/nút | máy bấm/bàn/thường/dỏm | máy/điện_thoại người_già/hồi_xưa/đời_cũ/đời_xưa/ghẻ/lởm | cái nút | bấm bấm | cùi | cùi bắp | đồ cổ | nắp gập | đập đá | điện thoại bàn/thường/bấm
        điện thoại bình thường | 1280 | 1202 | 1200 | feature/dumb phone | no smartphone/smart | không có internet/3g
        không lên/vô/kết_nối mạng được | không lên/vô được mạng | không có mạng internet | lên mạng không được
        mạng không lên được
    """,
    "NOKIA": "nokia | itel | masstel | mobell | philips",
    "CALLONLY": """
        chỉ nghe/gọi | chỉ để/biết/có nghe/gọi | chỉ gọi điện/được | chỉ dùng gọi/nghe/để | chỉ nhắn tin | chức năng gọi | gọi điện nhắn tin thôi | dùng nhắn tin thôi | nghe gọi | để gọi/nghe thôi
        nghe với/và gọi | gọi với/và nghe/nhắn | nhắn tin với/và gọi | gọi điện được thôi | only call/calls
    """,
    "DEVICE": "máy | điện thoại | phone | samsung | oppo | xiaomi | vivo | realme | huawei",
    # --- no, never, not yet ---
    "NEVER": "never | đéo | đếch | dek | éo | cóc | khỏi | miễn | dẹp | còn lâu | nên thôi | việc gì phải | việc gì tôi/em/mình phải | mắc gì",
    "DENY": """
        không/đâu phải chưa/không | không/đâu phải là chưa/không | không phải tôi/em/mình không
        ai/sao nói/bảo/kêu chưa/không | ai/sao nói/bảo/kêu tôi/em/mình/tui/con/cháu chưa/không | sao lại nói/bảo/kêu chưa/không | ai/sao nói/bảo/kêu là chưa/không
    """,
    "NOHAVE": "làm chi có | có đâu | lấy đâu ra | đâu có | làm gì có | có mô | mô có",
    "SAID": "ai/sao nói/bảo/kêu | ai/sao nói/bảo/kêu là | ai/sao nói/bảo/kêu tôi/em/mình/tui/con/cháu",
    "NOTYET": """
        chưa | nào đã | not yet | haven t | havent | have not | trừ/thiếu/chừa tôi/tui/em/mình/tao/anh/chị/bác
        còn mỗi tôi/tui/em/mình
    """,
    "KNOW": "biết",
    "NOKNOW": """
        không biết/hiểu | chưa biết/hiểu | không rõ | đâu biết | biết đâu/mô mà | đâu có biết | don t know | dont know
    """,
    "UNABLE": "không thể | cannot | can t | cant | unable",
    "NOT": "không | ứ | not | doesn t | doesnt | didn t | don t | dont | do not",
    # --- done ---
    "DID": "đã | vừa | vừa mới | mới vừa | i have | have | i ve",
    "JUST": "mới",
    "DA": "da",
    "YES": "dạ | báo cáo | vâng | yes | yep | da em/con/cháu/anh/chị/tôi/mình/tui/bác",
    "ALREADY": "rồi | already | lâu lắm/lắc",
    "HALF": "được nửa | nửa chừng | giữa chừng | nửa đường | một nửa/phần/ít | dở dang | dang dở | lưng chừng",
    "DOUBT": """
        chắc | chắc là | hình như | có lẽ | dường như | có khi | tưởng | tưởng là | cứ tưởng | nghĩ là | tôi/tui/em/mình nghĩ | nghe nói/đâu/bảo
        không/chưa nhớ/chắc | không/chưa nhớ là | không nhớ rõ | chưa rõ | mang máng | đoán là | có thể | giả bộ/vờ | coi như | ghi là/giùm | cứ ghi/nói/báo là | nếu | nếu như | nếu mà | giả sử | giá mà | ước gì | rồi thì phải | maybe | i think
        probably | perhaps | not sure
    """,
    "SAY": "nói | nói là | bảo | bảo là | kêu | kêu là",
    "TOLD": "ai cũng nói/bảo/kêu | giáo nói/bảo/kêu | bảo/kêu/dặn/biểu/nói/nhắc/giục con/cháu/vợ/chồng/nó/thằng/mấy/tụi/bọn/đứa",
    "FINISHED": "xong | xong xuôi | hoàn thành | thành công | hoàn tất | done | finish | finished | completed",
    "AGAIN": "lại",
    "REMOVED": """
        xóa | gỡ | gỡ bỏ | gỡ ra | tháo | tháo ra | uninstall | uninstalled | deleted | removed | mất app | bán máy/điện_thoại | nay/giờ/chừ không còn | reset máy | mất hết/tiêu/mất/máy | mất điện thoại | bị mất | đổi máy
        đổi điện thoại
    """,
    "CAN": "được | nổi",
    "WORK": """
        mở | bấm | nhấn | nhận được | nhận mã | nhận được mã | chạy | hoạt động | đăng nhập | đăng ký | thấy | tìm thấy
        tìm | ra | vô | bật | xác nhận | kích hoạt | work | working | open | load | hiện lên/ra | kết nối | lên | về
        nhập | dùng được
    """,
    "MO": "mo",
    "DO": "làm | làm theo | mần | thực hiện",
    "ERROR": """
        lỗi | thất bại | hư | lag | giật | trắng bóc/xóa/tinh/trơn | app đứng | đen thui/sì/ngòm | sai mã | kêu nhập | nhớ đầy/hết | treo | đơ | bị đơ | bị văng | văng | bị out | out ra | kêu/bắt/đòi cập_nhật | không có ch_play/chplay | là văng/tắt | văng ra | bị/nó đứng máy/im/yên/hình | trang trắng | màn hình trắng/đen | hỏng | kẹt
        bị kẹt | không tương thích | không hỗ trợ | link die/hư | quay vòng | xoay vòng | quay/load hoài/mãi | thoát ra | thoát | quay quay | xoay xoay | trang lạ | link chết | đứng ở/màn/hình | đòi mật/đăng | quên tài khoản | không có tài khoản | cứ báo | bắt/đòi nhập
        rồi đứng hình/im/yên/máy | tự dừng/tắt/thoát/văng/đóng | tự động dừng/tắt/thoát | bị đứng | bị/báo dừng | báo đầy/lỗi/thiếu | dừng ở màn/trang/bước | bộ nhớ/lượng đầy | kêu/yêu/bắt/đòi đăng
        hết/đầy/thiếu bộ nhớ | hết/đầy/thiếu dung lượng | không đủ/còn bộ nhớ | không đủ/còn dung lượng | không đủ/còn chỗ
        quên mật khẩu | quên pass | không có mã/otp | đòi mã | không ra/thấy/có gì | không thấy đâu | ch play không có
        máy yếu | đầy máy | trục trặc | error | failed | crash
    """,
    "HELP": """
        giúp | giúp đỡ | hướng dẫn | hỗ trợ | help | cứu | support | call me | nhờ cán bộ | cần người/ai chỉ/giúp/bày/hướng | qua/tới/đến/xuống nhà tôi/em/giúp/cài/hướng | bày
        gọi lại cho/hướng | gọi cho tôi/em/mình | ai chỉ | chỉ em/tôi/tui/mình/con/bác/cháu/giúp/cách/lại/với
        bày cho/em/tui | hộ | hộ tôi/em/mình/với/bà/bác/con/cho | mù tịt | không biết cách | chưa biết cách | không biết chữ | mù công nghệ | không rành công nghệ | không rành
    """,
    "FOR": "cho",
    # --- later ---
    "PLAN": """
        sẽ | xin sẽ | để | rồi tính | chuẩn bị | đợi | doi | chờ | sắp | hẹn | dự định | cũng/đang/có tính/định | cuối/đầu tháng | đang | liền | hứa | lát | lát nữa | xí nữa | xíu | chút xíu | tí | chút/tí nữa | từ từ | gần | gần xong
        bận | bận quá | đang bận | quên | quên mất/cài/béng/khuấy | để xem/coi/thử/suy_nghĩ/nghiên_cứu | quên chưa | later | tomorrow | tonight | will | i ll | soon
        khi/lúc/hôm/bữa nào/mô/rảnh/có/về | ngày mai/mốt | mai mốt | cuối tuần | đầu tháng | tuần/tháng sau/tới | chủ nhật
        đi làm/học/rẫy/nương về | vài/mấy/ít bữa/hôm/ngày nữa | vài bữa | lúc/bữa/hôm/khi khác | qua tuần | rảnh/ranh thì/rồi/sẽ | sẽ làm/thực | đang sửa | máy/điện_thoại hư/hỏng | đang hỏng | sửa xong | thứ 2/3/4/5/6/7/hai/ba/tư/năm/sáu/bảy | bây giờ/chừ | về nhà em/tôi/sẽ/cài/mới/rồi | lấy về | hết pin | chưa rảnh/kịp | không kịp
        chưa/không có thời gian | thời gian/rảnh đâu | hết 3g/4g/data/mạng/tiền | hết dung lượng mạng/data/4g | không có mạng/wifi/4g/sóng
        mạng yếu/chậm | có wifi/mạng/tiền mới | đang load/chờ | chờ/đợi có_mạng/có_sóng/có_wifi/có_tiền/sạc
    """,
    "NOW": "ngay | now | right now",
    "BY": "nhờ | nhờ con/người/em/cháu/thằng/anh/chị/bạn",
    "LATER": "mai | mơi | mốt | chiều | tối | túi | tối về | sau",
    "TODAY": "bữa nay/ni | sáng | trưa | giờ | chừ | hôm nay | chiều/tối nay/ni",
    "PASTTIME": """
        hôm qua/trước/kia/bữa | bữa trước/qua/hổm | trước khi có/nhận/nhắn | trước khi anh/chị/em/bạn nhắn/gửi | hổm rày | cách đây | hồi | hôm | tuần/tháng/bữa rồi/qua | bữa đi/họp | mấy bữa/hôm/ngày/tuần/tháng | cả tuần/tháng | hồi sáng/trưa/chiều/hôm/tết/đầu/cuối/nãy | hôm chủ_nhật/thứ_hai/thứ_ba/thứ_tư/thứ_năm/thứ_sáu/thứ_bảy | tối/chiều qua | sáng nay | tuần/tháng/năm trước | hồi tuần/tháng/năm trước | năm ngoái | lâu | từ | từ đầu
    """,
    # --- question ---
    "WHERE": "ở đâu | ở mô | ở chỗ nào | chỗ nào | vô đâu/mô | where | link đâu/mô | từ đâu",
    "HERE": "ở đây | nhà này | chỗ này",
    "WHEN": "bao giờ | chừng nào | ngày nào | đến khi nào | when",
    "DAU": "đâu | dau | mô | hồi nào/mô",
    "HOW": """
        sao | răng | rang | thế nào | như nào | như thế nào | ra sao | làm/mần sao/răng | cách nào | bằng cách nào | kiểu gì/chi | cách
        how | bằng gì | giờ sao
    """,
    "WHY": "tại sao | vì sao | why | sao phải/lại/cứ/bắt | vì răng | răng phải",
    "WHAT": "máy/link/trang/app/web/cái nào | gì | chi | là gì/chi/sao | cái gì/chi | là cái gì/chi | what | nghĩa là",
    "PURPOSE": "để làm/mần gì/chi | để gì/chi",
    "WHATFOR": "làm/mần gì/chi | làm gì/chi cho | chi/gì cho | mà làm gì/chi",
    "WHO": "ai vậy/thế/đó/đấy/đây/rứa/ri/nhắn/gửi | who | nào nhắn/gửi | số của ai | của ai | cơ_quan/bên/đơn_vị nào | hỏi/gặp/số ai | liên hệ ai",
    "WHOIS": "là ai",
    "SOURCE": "sao có/biết số/tên | lấy số | ai/đâu cho/đưa số | ai/đâu cho/đưa mày/bạn/em/anh/chị/mấy số | có số tôi/em/tui/mình | biết số | lấy thông tin",
    "COST": """
        tốn/mất/trả/thu/tính/trừ tiền | tốn/mất/thu phí | phí | bao lâu | mất bao lâu | miễn phí | free | cost | fee | bao nhiêu tiền/mb | how much
        pay | mất pin/mạng/gì | mất dung lượng | tốn pin/mạng/data/4g/3g/gì | tốn dung lượng | nặng/chậm máy | mấy tuổi | ngày mấy
    """,
    "HOWMUCH": "bao nhiêu",
    "RISK": """
        lừa đảo | thu thập | lộ thông tin | mất thông tin | theo dõi | an toàn | virus | hack | scam | phạt | bắt buộc | bị gì | có sao
        lộ | bị lộ | danh bạ | ảnh hưởng | định vị | bảo mật | tác dụng | lợi ích | quà | thưởng | tiếng dân/kinh/xơ/ba/gia | lợi gì | lợi | nguy hiểm | nhà nước | bộ y tế | thật không | real | uy tín | đáng tin | tin được | safe | legit
    """,
    "LINK": "link | đường link | đường dẫn",
    "STORE": "ch play | chplay | app store | appstore | google play",
    "DEADLINE": "hạn đến | thời hạn | hết hạn | deadline | hạn chót",
    "ASK": "hỏi | cho hỏi | cho em/tôi/mình/tui hỏi | xin | cho xin | thắc mắc",
    "NEED": "phải | có phải/cần/bị/tốn/nên | có nhất thiết | nhất thiết",
    "HUH": "à | ah | hả | hử | phải không | đúng không",
    "EH": "ha | hè | he | nhỉ | ta",
    "SO": "vậy | thế | rứa | ri",
    # --- willing or not ---
    "WANT": """
        muốn | thích | khoái | ưng | cần | cần thiết | quan tâm | đồng ý | thèm | nhu cầu | có nhu cầu | có hứng | rảnh | rảnh để | bị
        tham gia | chịu | tiếp tục | cho phép | có ý/dự định | want | interested
    """,
    "REFUSE": """
        không tin | không bao giờ | điên/ngu/dại/khùng mới/gì/mà | ai thèm/mà | đừng hòng | còn khuya | nhất quyết/định không | mặc kệ | đời nào | không ham | không hứng | vớ vẩn | ghét | won t | wont | nhảm | rác | app rác | ép | đừng/bắt ép | mắc mớ | mắc mớ gì/chi | no thanks | no way
        not interested | refuse
    """,
    "ENOUGH": "thôi",
    # --- people and small words ---
    "SELF": """
        em | anh | tôi | mình | tui | mày | má | bố | mẹ | tao | tau | con | cháu | bác | cô | chú | chị | ông | bà | ba | thầy | cậu | mợ | thím | dượng | i | my
        me | đồng chí | cán bộ | cán bộ thôn/xã/làng | bạn | nhà em/tôi/mình | chúng tôi | tụi em | bọn em
    """,
    "BUT": "nhưng | nhưng mà | còn | mà | mà tôi/tui/tao/tau/mình | chứ | but",
    "KIN": """
        chồng | vợ | chồng em/tôi/chị | vợ tôi/em/mình/anh | con trai | con gái | con trai/gái tôi/em/bác | con em
        bố/mẹ/ba em | dì/cậu/mợ/dượng/thím em | thằng | đứa con | vk | ck | vk/ck em | ông/bà xã | em trai/gái | anh trai | chị gái | bạn em/tôi/mình
        hàng xóm | ông/bà nội/ngoại | sếp | cô/thầy giáo | trưởng thôn/làng/bản | thôn trưởng | già làng | bí thư | chủ tịch
        bố/mẹ/má/ba/cha/ông/bà/bác/cô/chú/dì/dượng/cậu/mợ/thầy/anh/chị/em/con/cháu/bạn tôi/tui/tao/tau/mình | nhà bên/kế | máy cơ quan | máy công ty
        bạn bè/gái/trai/hàng | học trò/sinh | bà con | thằng út/lớn/cả/nhỏ | mượn máy/điện_thoại | vợ chồng nó | bố/mẹ/ba/cha con/cháu | ảnh | ổng | bả | cháu/con ông/bà/bác | chị/em/con dâu | anh/em/con rể | nhà nội/ngoại | đứa em/bạn | đồng nghiệp | người nhà/yêu | họ hàng | công an | bộ đội | thanh niên | nhân viên | chủ tiệm
        anh/chị hai/ba | con út/cả/đầu | mấy/tụi/bọn/cái đứa | mấy/tụi/bọn/lũ đứa/đám nhỏ/nó | tụi/bọn/lũ nhỏ/nó/trẻ | đứa nhỏ/cháu | thằng/con cháu/nhỏ | cháu nội/ngoại
        của con/mẹ/má/ba/bố | máy vợ | vợ nói/bảo/kêu | ba/bố/cha má/mẹ | người ta | bên xã/thôn/huyện/đoàn | cả/mọi làng/xóm/thôn | ông/bà nhà | máy/điện_thoại cũ/kia/khác
    """,
    # Another person, unless it is the app: "nó báo lỗi".
    "HE": """
        nó | no | hắn | họ | ai | anh/chị/ông/bà/cô/chú/cậu ta | mọi/nhiều/bao/mấy người | người khác/kia | bên đó/ấy | chúng nó
    """,
    "FORKIN": "cho mẹ/má/ba/bố/cha/con/cháu | cho bà con | cho ba/bố/cha má/mẹ | cho ông bà | cho mấy/tụi đứa",
    "OR": "hay | hay là | hoặc",
    "ALL": """
        cho cả | tất cả | đủ | đều | hết | cả nhà | nhà em/tôi/tui/mình ai cũng | vợ chồng | hai vợ chồng
        tôi/em/mình/tui/anh/chị và/với/cùng vợ/chồng/con/ba/mẹ | tôi/em/mình/tui/anh/chị và/với/cùng bố/ba mẹ
    """,
    "INUSE": "đang dùng/xài/sử_dụng | vẫn đang dùng/xài/sử_dụng",
    "USE": "dùng | xài | sử dụng | dùng điện thoại/máy/số",
    "RIGHT": "đúng | chính xác | phải rồi | đúng rồi/vậy/thế/rứa",
    "HAVE": "có | có cán bộ | mua được",
    "ACK": """
        ok | cảm ơn | cám ơn | thanks | thank | tks | ừ | ừm | um | uh | uhm | ukm | rõ | xin lỗi | sorry | chào | xin chào | kính gửi/thưa/chào | trân trọng | hello | hi | alo
        nhận rồi | nhận tin rồi | nhận được tin | nhận được tin nhắn | đã nhận | đã nhận tin/được | đã nhận được tin
        đã nhận được tin nhắn | biết/hiểu/nghe/đọc/thấy/xem rồi | đã xem/đọc/biết/hiểu/rõ
    """,
    "NUMWORD": "số | chọn | phím | bấm số | chọn số | nhắn số | câu | trả lời | đáp án | phương án",
    "NUM1": "số một | chọn một | bấm/nhấn 1",
    "NUM2": "số hai | chọn hai | bấm/nhấn 2",
    "NUM3": "số ba | chọn ba | bấm/nhấn 3",
    "NUM4": "số bốn | chọn bốn | bấm/nhấn 4",
    "PART": """
        nha/nhé/nghen/nghe/ạ/đó chị | chị ơi | mấy chú/bác/cháu | a | ạ | ấy | cả | các | chắc chắn | chút | chứ sao | chứ sao không | cứ | cũng | for | đây | đấy | đi | đó | do | hihi | haha | hu hu | huhu | hic | hỏi chi/hoài/mãi/miết/lắm | hoài | hen | ad | nka | kịp | is | it | là
        lắm | luôn | lun | mãi | nay | này | nào | nè | nghe | nghen | nha | nhé | nhen | nữa | ơi | please | pls | quá | rất
        sir | this | thì | thưa | to | và | vẫn | với | y | vui lòng | xin vui lòng | làm ơn | yêu cầu | đề nghị
    """,
}
