//! The schemas usp-record-1-5.proto and usp-msg-1-5.proto of the Broadband Forum (TR-369 1.4, and 1.5 for fields
//! 14 and 15 of the Record), as tables, and the names of their field numbers.

use crate::wire::check::{Field, Kind, Schema, Times};

use Kind::{Bool, Bytes, Enum, Fixed32, Message, Pair, Text, Uint64};
use Times::{Many, One, Oneof};

macro_rules! schemas {
    ($($(#[$doc:meta])* $name:ident, $module:ident {
        $($number:literal $field:ident: $times:ident $kind:expr;)*
    })*) => {
        $(
            $(#[$doc])*
            pub static $name: Schema = Schema(&[$(Field($number, $kind, $times)),*]);
            $(#[$doc])*
            pub mod $module {
                $(
                    #[doc = concat!("Number of `", stringify!($field), "`.")]
                    pub const $field: u32 = $number;
                )*
            }
        )*
    };
}

/// The highest MsgType: DEREGISTER_RESP.
const MSG_TYPE: u64 = 22;

schemas! {
    /// usp_record.Record.
    RECORD, record {
        1 VERSION: One Text;
        2 TO_ID: One Text;
        3 FROM_ID: One Text;
        4 PAYLOAD_SECURITY: One Enum(1);
        5 MAC_SIGNATURE: One Bytes;
        6 SENDER_CERT: One Bytes;
        7 NO_SESSION_CONTEXT: Oneof Message(&NO_SESSION);
        8 SESSION_CONTEXT: Oneof Message(&SESSION);
        9 WEBSOCKET_CONNECT: Oneof Message(&EMPTY);
        10 MQTT_CONNECT: Oneof Message(&MQTT);
        11 STOMP_CONNECT: Oneof Message(&STOMP);
        12 DISCONNECT: Oneof Message(&DISCONNECT);
        13 UDS_CONNECT: Oneof Message(&EMPTY);
        14 ORIGINATOR_ID: One Text;
        15 DESTINATION_ID: One Text;
    }
    /// A message without fields.
    EMPTY, empty {}
    /// usp_record.NoSessionContextRecord.
    NO_SESSION, no_session {
        2 PAYLOAD: One Bytes;
    }
    /// usp_record.SessionContextRecord.
    SESSION, session {
        1 SESSION_ID: One Uint64;
        2 SEQUENCE_ID: One Uint64;
        3 EXPECTED_ID: One Uint64;
        4 RETRANSMIT_ID: One Uint64;
        5 PAYLOAD_SAR_STATE: One Enum(4);
        6 PAYLOADREC_SAR_STATE: One Enum(4);
        7 PAYLOAD: Many Bytes;
    }
    /// usp_record.MQTTConnectRecord.
    MQTT, mqtt {
        1 VERSION: One Enum(1);
        2 SUBSCRIBED_TOPIC: One Text;
    }
    /// usp_record.STOMPConnectRecord.
    STOMP, stomp {
        1 VERSION: One Enum(0);
        2 SUBSCRIBED_DESTINATION: One Text;
    }
    /// usp_record.DisconnectRecord.
    DISCONNECT, disconnect {
        1 REASON: One Text;
        2 REASON_CODE: One Fixed32;
    }
    /// usp.Msg.
    MSG, msg {
        1 HEADER: One Message(&HEADER);
        2 BODY: One Message(&BODY);
    }
    /// usp.Header.
    HEADER, header {
        1 MSG_ID: One Text;
        2 MSG_TYPE: One Enum(MSG_TYPE);
    }
    /// usp.Body.
    BODY, body {
        1 REQUEST: Oneof Message(&REQUEST);
        2 RESPONSE: Oneof Message(&RESPONSE);
        3 ERROR: Oneof Message(&ERROR);
    }
    /// usp.Request. The members of usp.Response have the same numbers.
    REQUEST, request {
        1 GET: Oneof Message(&GET);
        2 GET_SUPPORTED_DM: Oneof Message(&GET_SUPPORTED_DM);
        3 GET_INSTANCES: Oneof Message(&GET_INSTANCES);
        4 SET: Oneof Message(&SET);
        5 ADD: Oneof Message(&ADD);
        6 DELETE: Oneof Message(&DELETE);
        7 OPERATE: Oneof Message(&OPERATE);
        8 NOTIFY: Oneof Message(&NOTIFY);
        9 GET_SUPPORTED_PROTOCOL: Oneof Message(&GET_SUPPORTED_PROTOCOL);
        10 REGISTER: Oneof Message(&EMPTY);
        11 DEREGISTER: Oneof Message(&EMPTY);
    }
    /// usp.Response.
    RESPONSE, response {
        1 GET: Oneof Message(&GET_RESP);
        2 GET_SUPPORTED_DM: Oneof Message(&EMPTY);
        3 GET_INSTANCES: Oneof Message(&GET_INSTANCES_RESP);
        4 SET: Oneof Message(&SET_RESP);
        5 ADD: Oneof Message(&ADD_RESP);
        6 DELETE: Oneof Message(&DELETE_RESP);
        7 OPERATE: Oneof Message(&OPERATE_RESP);
        8 NOTIFY: Oneof Message(&NOTIFY_RESP);
        9 GET_SUPPORTED_PROTOCOL: Oneof Message(&GET_SUPPORTED_PROTOCOL);
        10 REGISTER: Oneof Message(&EMPTY);
        11 DEREGISTER: Oneof Message(&EMPTY);
    }
    /// usp.Error.
    ERROR, error {
        1 ERR_CODE: One Fixed32;
        2 ERR_MSG: One Text;
        3 PARAM_ERRS: Many Message(&PARAM_ERROR);
    }
    /// usp.Error.ParamError. ParameterError of the results of Set and Add has the same fields.
    PARAM_ERROR, param_error {
        1 PARAM: One Text;
        2 ERR_CODE: One Fixed32;
        3 ERR_MSG: One Text;
    }
    /// usp.Get.
    GET, get {
        1 PARAM_PATHS: Many Text;
        2 MAX_DEPTH: One Fixed32;
    }
    /// usp.GetResp.
    GET_RESP, get_resp {
        1 REQ_PATH_RESULTS: Many Message(&REQUESTED_PATH_RESULT);
    }
    /// usp.GetResp.RequestedPathResult; GetInstancesResp has one of the same numbers.
    REQUESTED_PATH_RESULT, path_result {
        1 REQUESTED_PATH: One Text;
        2 ERR_CODE: One Fixed32;
        3 ERR_MSG: One Text;
        4 RESULTS: Many Message(&RESOLVED_PATH_RESULT);
    }
    /// usp.GetResp.ResolvedPathResult. GetInstancesResp.CurrInstance has the same fields: path and unique keys.
    RESOLVED_PATH_RESULT, resolved {
        1 PATH: One Text;
        2 PARAMS: Many Pair;
    }
    /// usp.GetSupportedDM.
    GET_SUPPORTED_DM, get_supported_dm {
        1 OBJ_PATHS: Many Text;
        2 FIRST_LEVEL_ONLY: One Bool;
        3 RETURN_COMMANDS: One Bool;
        4 RETURN_EVENTS: One Bool;
        5 RETURN_PARAMS: One Bool;
        6 RETURN_UNIQUE_KEY_SETS: One Bool;
    }
    /// usp.GetInstances.
    GET_INSTANCES, get_instances {
        1 OBJ_PATHS: Many Text;
        2 FIRST_LEVEL_ONLY: One Bool;
    }
    /// usp.GetInstancesResp.
    GET_INSTANCES_RESP, get_instances_resp {
        1 REQ_PATH_RESULTS: Many Message(&REQUESTED_PATH_RESULT);
    }
    /// usp.Set.
    SET, set {
        1 ALLOW_PARTIAL: One Bool;
        2 UPDATE_OBJS: Many Message(&OBJECT);
    }
    /// usp.Add.
    ADD, add {
        1 ALLOW_PARTIAL: One Bool;
        2 CREATE_OBJS: Many Message(&OBJECT);
    }
    /// usp.Set.UpdateObject, usp.Add.CreateObject.
    OBJECT, object {
        1 OBJ_PATH: One Text;
        2 PARAM_SETTINGS: Many Message(&PARAM_SETTING);
    }
    /// usp.Set.UpdateParamSetting, usp.Add.CreateParamSetting.
    PARAM_SETTING, setting {
        1 PARAM: One Text;
        2 VALUE: One Text;
        3 REQUIRED: One Bool;
    }
    /// usp.SetResp.
    SET_RESP, set_resp {
        1 UPDATED_OBJ_RESULTS: Many Message(&SET_RESULT);
    }
    /// usp.SetResp.UpdatedObjectResult.
    SET_RESULT, result {
        1 REQUESTED_PATH: One Text;
        2 OPER_STATUS: One Message(&SET_STATUS);
    }
    /// usp.SetResp.UpdatedObjectResult.OperationStatus; those of Add and Delete have the same numbers.
    SET_STATUS, oper_status {
        1 OPER_FAILURE: Oneof Message(&SET_FAILURE);
        2 OPER_SUCCESS: Oneof Message(&SET_SUCCESS);
    }
    /// OperationFailure of SetResp.
    SET_FAILURE, failure {
        1 ERR_CODE: One Fixed32;
        2 ERR_MSG: One Text;
        3 UPDATED_INST_FAILURES: Many Message(&INSTANCE_FAILURE);
    }
    /// usp.SetResp.UpdatedInstanceFailure.
    INSTANCE_FAILURE, instance_failure {
        1 AFFECTED_PATH: One Text;
        2 PARAM_ERRS: Many Message(&PARAM_ERROR);
    }
    /// OperationSuccess of SetResp.
    SET_SUCCESS, set_success {
        1 UPDATED_INST_RESULTS: Many Message(&INSTANCE_RESULT);
    }
    /// usp.SetResp.UpdatedInstanceResult. OperationSuccess of AddResp has the same numbers: path, errors, keys.
    INSTANCE_RESULT, instance_result {
        1 AFFECTED_PATH: One Text;
        2 PARAM_ERRS: Many Message(&PARAM_ERROR);
        3 UPDATED_PARAMS: Many Pair;
    }
    /// usp.AddResp.
    ADD_RESP, add_resp {
        1 CREATED_OBJ_RESULTS: Many Message(&ADD_RESULT);
    }
    /// usp.AddResp.CreatedObjectResult.
    ADD_RESULT, add_result {
        1 REQUESTED_PATH: One Text;
        2 OPER_STATUS: One Message(&ADD_STATUS);
    }
    /// usp.AddResp.CreatedObjectResult.OperationStatus.
    ADD_STATUS, add_status {
        1 OPER_FAILURE: Oneof Message(&ERROR);
        2 OPER_SUCCESS: Oneof Message(&INSTANCE_RESULT);
    }
    /// usp.Delete.
    DELETE, delete {
        1 ALLOW_PARTIAL: One Bool;
        2 OBJ_PATHS: Many Text;
    }
    /// usp.DeleteResp.
    DELETE_RESP, delete_resp {
        1 DELETED_OBJ_RESULTS: Many Message(&DELETE_RESULT);
    }
    /// usp.DeleteResp.DeletedObjectResult.
    DELETE_RESULT, delete_result {
        1 REQUESTED_PATH: One Text;
        2 OPER_STATUS: One Message(&DELETE_STATUS);
    }
    /// usp.DeleteResp.DeletedObjectResult.OperationStatus.
    DELETE_STATUS, delete_status {
        1 OPER_FAILURE: Oneof Message(&ERROR);
        2 OPER_SUCCESS: Oneof Message(&DELETE_SUCCESS);
    }
    /// OperationSuccess of DeleteResp.
    DELETE_SUCCESS, delete_success {
        1 AFFECTED_PATHS: Many Text;
        2 UNAFFECTED_PATH_ERRS: Many Message(&PARAM_ERROR);
    }
    /// usp.Operate.
    OPERATE, operate {
        1 COMMAND: One Text;
        2 COMMAND_KEY: One Text;
        3 SEND_RESP: One Bool;
        4 INPUT_ARGS: Many Pair;
    }
    /// usp.OperateResp.
    OPERATE_RESP, operate_resp {
        1 OPERATION_RESULTS: Many Message(&OPERATION_RESULT);
    }
    /// usp.OperateResp.OperationResult.
    OPERATION_RESULT, operation_result {
        1 EXECUTED_COMMAND: One Text;
        2 REQ_OBJ_PATH: Oneof Text;
        3 REQ_OUTPUT_ARGS: Oneof Message(&OUTPUT_ARGS);
        4 CMD_FAILURE: Oneof Message(&ERROR);
    }
    /// OutputArgs of OperateResp and of Notify.OperationComplete.
    OUTPUT_ARGS, output_args {
        1 OUTPUT_ARGS: Many Pair;
    }
    /// usp.Notify.
    NOTIFY, notify {
        1 SUBSCRIPTION_ID: One Text;
        2 SEND_RESP: One Bool;
        3 EVENT: Oneof Message(&EVENT);
        4 VALUE_CHANGE: Oneof Message(&VALUE_CHANGE);
        5 OBJ_CREATION: Oneof Message(&OBJ_CREATION);
        6 OBJ_DELETION: Oneof Message(&OBJ_DELETION);
        7 OPER_COMPLETE: Oneof Message(&OPER_COMPLETE);
        8 ON_BOARD_REQ: Oneof Message(&EMPTY);
    }
    /// usp.Notify.Event.
    EVENT, event {
        1 OBJ_PATH: One Text;
        2 EVENT_NAME: One Text;
        3 PARAMS: Many Pair;
    }
    /// usp.Notify.ValueChange.
    VALUE_CHANGE, value_change {
        1 PARAM_PATH: One Text;
        2 PARAM_VALUE: One Text;
    }
    /// usp.Notify.ObjectCreation.
    OBJ_CREATION, obj_creation {
        1 OBJ_PATH: One Text;
        2 UNIQUE_KEYS: Many Pair;
    }
    /// usp.Notify.ObjectDeletion.
    OBJ_DELETION, obj_deletion {
        1 OBJ_PATH: One Text;
    }
    /// usp.Notify.OperationComplete.
    OPER_COMPLETE, oper_complete {
        1 OBJ_PATH: One Text;
        2 COMMAND_NAME: One Text;
        3 COMMAND_KEY: One Text;
        4 REQ_OUTPUT_ARGS: Oneof Message(&OUTPUT_ARGS);
        5 CMD_FAILURE: Oneof Message(&ERROR);
    }
    /// usp.NotifyResp.
    NOTIFY_RESP, notify_resp {
        1 SUBSCRIPTION_ID: One Text;
    }
    /// usp.GetSupportedProtocol: the versions of the controller; its response: those of the agent.
    GET_SUPPORTED_PROTOCOL, supported_protocol {
        1 VERSIONS: One Text;
    }
}
